"""Rule `gap`: no silence inside the segment is longer than the plan allows.

Guarantees: a longer one is degraded, not worse: what was recorded is right, and the hole is known and
listed. The frames lost are told for the reader; they are judged by rule `rate` when they are many.
"""

from __future__ import annotations

from agent.capture.observed import Observed
from agent.model.spec import CollectionSpec
from agent.model.times import NS_PER_S
from agent.model.verdict import Finding, Grade

RULE = "gap"


def judge(spec: CollectionSpec, facts: Observed) -> Finding | None:
    """None (not judged) without frames. Judged at any length."""
    taken = facts.measurement
    if not taken.frames:
        return None
    too_long = taken.longest_gap_ns > spec.gap_max_s * NS_PER_S
    return Finding(
        rule=RULE,
        grade=Grade.DEGRADED if too_long else Grade.CONFORMING,
        measured=f"longest {taken.longest_gap_ns / NS_PER_S:.3f} s, "
        f"{taken.lost} of {taken.expected_frames} frames lost",
        required=f"at most {spec.gap_max_s:g} s",
    )
