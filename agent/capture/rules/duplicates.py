"""Rule `duplicates`: hardly any frame only repeats the one before.

Guarantees: more than the plan's share is degraded, not worse: what is there is right, but the real rate
is lower than it looks, and motion is measured wrong. Two kinds are counted, each against the share:
frames whose timestamp doesn't advance, and pictures in a decoded burst that stand still between two that
move (`capture/picture.py`). One such picture alone may be chance: from two in a burst on it is a pattern.
Repeats in a scene without motion can't be seen, and do no harm.
"""

from __future__ import annotations

from fractions import Fraction

from agent.capture.observed import SHORTEST_JUDGED_NS, BurstCheck, Observed
from agent.model.spec import CollectionSpec
from agent.model.verdict import Finding, Grade

RULE = "duplicates"
_PATTERN = 2


def judge(spec: CollectionSpec, facts: Observed) -> Finding | None:
    """None (not judged) without a limit, or for less than 2 s of video, see `SHORTEST_JUDGED_NS`."""
    taken = facts.measurement
    if spec.duplicate_max is None or taken.duration_ns < SHORTEST_JUDGED_NS or not taken.frames:
        return None
    bursts = [burst for burst in facts.bursts if burst.compared]
    worst = max(bursts, key=_pattern, default=None)
    by_time = Fraction(taken.duplicates, taken.frames)
    seen = Fraction(0) if worst is None else _pattern(worst)
    looked = "no motion to compare" if worst is None else f"{worst.repeats} of {worst.compared} compared"
    return Finding(
        rule=RULE,
        grade=Grade.DEGRADED if max(by_time, seen) > spec.duplicate_max else Grade.CONFORMING,
        measured=f"{taken.duplicates} of {taken.frames} frames by time, pictures: {looked}",
        required=f"at most {float(100 * spec.duplicate_max):g} %",
    )


def _pattern(burst: BurstCheck) -> Fraction:
    return Fraction(burst.repeats, burst.compared) if burst.repeats >= _PATTERN else Fraction(0)
