"""Rule `lost`: hardly any frame is missing between the ones that came.

Guarantees: more than the plan's share is degraded, not worse: the rest is right, and rule `rate` is worse
when there are many. Counted are places for a frame at the stream's own pace; a camera that is slow but
even loses none (that is rule `rate`), and a silence over the limit is rule `gap`.
"""

from __future__ import annotations

from fractions import Fraction

from agent.capture.observed import SHORTEST_JUDGED_NS, Observed
from agent.model.spec import CollectionSpec
from agent.model.verdict import Finding, Grade

RULE = "lost"


def judge(spec: CollectionSpec, facts: Observed) -> Finding | None:
    """None (not judged) without a limit, or for less than 2 s of video, see `SHORTEST_JUDGED_NS`."""
    taken = facts.measurement
    if spec.lost_max is None or taken.duration_ns < SHORTEST_JUDGED_NS or not taken.frames:
        return None
    share = Fraction(taken.missing, taken.frames + taken.missing)
    return Finding(
        rule=RULE,
        grade=Grade.DEGRADED if share > spec.lost_max else Grade.CONFORMING,
        measured=f"{taken.missing} of {taken.frames + taken.missing} frames, {float(100 * share):.2f} %",
        required=f"at most {float(100 * spec.lost_max):g} %",
    )
