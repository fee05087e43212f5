"""Rule `gop`: key frames come often enough.

Guarantees: a longer distance than the plan's is degraded, not worse: every frame is there, but a cut, a
seek and the recovery from a loss all wait for the next key frame. One frame period is allowed on top,
since key frames fall on frames (300 frames at 30000/1001 Hz are 10.01 s).
"""

from __future__ import annotations

from agent.capture.observed import Observed
from agent.model.spec import CollectionSpec
from agent.model.times import NS_PER_S
from agent.model.verdict import Finding, Grade

RULE = "gop"


def judge(spec: CollectionSpec, facts: Observed) -> Finding | None:
    """None (not judged) without a limit or without frames. Judged at any length."""
    taken = facts.measurement
    if spec.gop_max_s is None or not taken.frames:
        return None
    allowed_ns = spec.gop_max_s * NS_PER_S + NS_PER_S / spec.rate
    return Finding(
        rule=RULE,
        grade=Grade.CONFORMING if taken.keyframes and taken.gop_max_ns <= allowed_ns else Grade.DEGRADED,
        measured=f"longest {taken.gop_max_ns / NS_PER_S:.2f} s, {taken.keyframes} key frames",
        required=f"at most {spec.gop_max_s:g} s",
    )
