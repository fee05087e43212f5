"""Rule `jitter`: frames arrive at the pace of their timestamps.

Guarantees: 99 of 100 arrival steps are no further from their timestamp steps than the plan allows;
otherwise degraded, not worse: the recording plays by its timestamps, but a network or a device that does
this is about to lose frames, and times taken from arrivals are that uncertain.
"""

from __future__ import annotations

from agent.capture.observed import SHORTEST_JUDGED_NS, Observed
from agent.model.spec import CollectionSpec
from agent.model.times import NS_PER_S
from agent.model.verdict import Finding, Grade

RULE = "jitter"


def judge(spec: CollectionSpec, facts: Observed) -> Finding | None:
    """None (not judged) without a limit, or for less than 2 s of video, see `SHORTEST_JUDGED_NS`."""
    taken = facts.measurement
    if spec.jitter_max_s is None or taken.duration_ns < SHORTEST_JUDGED_NS:
        return None
    return Finding(
        rule=RULE,
        grade=Grade.DEGRADED if taken.jitter_p99_ns > spec.jitter_max_s * NS_PER_S else Grade.CONFORMING,
        measured=f"{1000 * taken.jitter_p99_ns / NS_PER_S:.1f} ms for 99 of 100 frames",
        required=f"at most {1000 * spec.jitter_max_s:g} ms",
    )
