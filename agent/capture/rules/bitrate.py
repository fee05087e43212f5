"""Rule `bitrate`: the mean bit rate lies in the plan's range.

Guarantees: outside is degraded, not worse: too little may hide detail and too much is more data than
necessary, but the pictures are the ones that were agreed. The limits themselves conform.
"""

from __future__ import annotations

from agent.capture.observed import SHORTEST_JUDGED_NS, Observed
from agent.model.spec import CollectionSpec
from agent.model.verdict import Finding, Grade

RULE = "bitrate"


def judge(spec: CollectionSpec, facts: Observed) -> Finding | None:
    """None (not judged) without limits or for less than 2 s of video, see `SHORTEST_JUDGED_NS`."""
    low, high = spec.bitrate_min_bps, spec.bitrate_max_bps
    taken = facts.measurement
    if (low is None and high is None) or taken.duration_ns < SHORTEST_JUDGED_NS:
        return None
    inside = (low is None or taken.bitrate_bps >= low) and (high is None or taken.bitrate_bps <= high)
    limits = (("at least", low), ("at most", high))
    return Finding(
        rule=RULE,
        grade=Grade.CONFORMING if inside else Grade.DEGRADED,
        measured=f"{taken.bitrate_bps} bit/s",
        required=", ".join(f"{word} {limit} bit/s" for word, limit in limits if limit is not None),
    )
