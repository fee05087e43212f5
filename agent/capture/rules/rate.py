"""Rule `rate`: the measured frame rate is the plan's, within its relative tolerance.

Guarantees: up to four tolerances off is degraded, beyond is nonconforming. With the usual 5 % that is
20 %: devices that drop frames under load or follow the mains frequency (25 for 30 Hz, 17 %) stay below and
remain usable after resampling; the next thing that happens in practice is a wrong mode, half or double
rate, which is far beyond and makes motion measurements wrong.

Timestamps decide, because they are what is played back. Arrivals are also a property of the network, so
they alone never fail a recording: when, over at least 10 s, they differ from the timestamps by more than
four tolerances, the timestamps are doubtful and the finding is degraded.
"""

from __future__ import annotations

from fractions import Fraction

from agent.capture.observed import SHORTEST_JUDGED_NS, Observed
from agent.model.spec import CollectionSpec
from agent.model.times import NS_PER_S
from agent.model.verdict import Finding, Grade, worst

RULE = "rate"
_WIDE = 4
_ARRIVALS_JUDGED_NS = 10 * NS_PER_S


def judge(spec: CollectionSpec, facts: Observed) -> Finding | None:
    """None (not judged) for less than 2 s of video, see `SHORTEST_JUDGED_NS`."""
    taken = facts.measurement
    if taken.duration_ns < SHORTEST_JUDGED_NS:
        return None
    measured = _hertz(taken.rate)
    grade = _grade(abs(taken.rate - spec.rate), spec)
    if taken.arrival_rate is not None:
        measured += f" (arrivals {_hertz(taken.arrival_rate)})"
        if taken.duration_ns >= _ARRIVALS_JUDGED_NS and _doubtful(taken.rate, taken.arrival_rate, spec):
            grade = worst((grade, Grade.DEGRADED))
    return Finding(
        rule=RULE,
        grade=grade,
        measured=measured,
        required=f"{_hertz(spec.rate)} within {float(100 * spec.rate_tolerance):g} %",
    )


def _grade(off: Fraction, spec: CollectionSpec) -> Grade:
    allowed = spec.rate * spec.rate_tolerance
    if off <= allowed:
        return Grade.CONFORMING
    return Grade.DEGRADED if off <= _WIDE * allowed else Grade.NONCONFORMING


def _doubtful(by_timestamps: Fraction, by_arrivals: Fraction, spec: CollectionSpec) -> bool:
    return abs(by_timestamps - by_arrivals) > _WIDE * spec.rate_tolerance * by_timestamps


def _hertz(rate: Fraction) -> str:
    return f"{float(rate):.3f} Hz"
