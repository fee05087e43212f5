"""Rule `length`: a recording is not longer than the plan allows.

Guarantees: a longer one is nonconforming: what was not agreed must not be collected (STD 6.2, minimum
necessary). Only the segments beyond the limit are; those before it were right.
"""

from __future__ import annotations

from agent.capture.observed import Observed
from agent.model.spec import CollectionSpec
from agent.model.times import NS_PER_S
from agent.model.verdict import Finding, Grade

RULE = "length"


def judge(spec: CollectionSpec, facts: Observed) -> Finding | None:
    """None (not judged) without a limit."""
    if spec.recording_max_s is None:
        return None
    too_long = facts.recording_ns > spec.recording_max_s * NS_PER_S
    return Finding(
        rule=RULE,
        grade=Grade.NONCONFORMING if too_long else Grade.CONFORMING,
        measured=f"{facts.recording_ns / NS_PER_S:.1f} s",
        required=f"at most {spec.recording_max_s:g} s",
    )
