"""Rule `profile`: the codec's profile is one of the plan's.

Guarantees: another profile is degraded, not worse: the pictures are the agreed ones, but a recipient's
decoder may not take them (10-bit and 4:2:2 profiles above all). The level is told, not judged. An
unreadable parameter set is degraded too: rule `size` says more about it.
"""

from __future__ import annotations

from agent.capture.bitstream import level_name, profile_name
from agent.capture.observed import Observed
from agent.model.spec import CollectionSpec
from agent.model.verdict import Finding, Grade

RULE = "profile"


def judge(spec: CollectionSpec, facts: Observed) -> Finding | None:
    """None (not judged) when the plan names no profiles."""
    if spec.profiles is None:
        return None
    said, codec = facts.parameters, facts.codec
    name = None if said is None or codec is None else profile_name(codec, said.profile_idc)
    level = "" if said is None or codec is None else f" at level {level_name(codec, said.level_idc)}"
    return Finding(
        rule=RULE,
        grade=Grade.CONFORMING if name in spec.profiles else Grade.DEGRADED,
        measured="unknown" if name is None else name + level,
        required=" or ".join(spec.profiles),
    )
