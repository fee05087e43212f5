"""When a live stream's broken rules have changed so that somebody should be told.

Guarantees: pure. A rule that breaks, or breaks worse, is told at once; it counts as broken until it has
conformed for `CLEAR_NS` without a break, so that a source at the edge of a limit is one alarm and not a
hundred. A rule that could not be judged keeps its state. The first verdict is always told, a conforming
one only when `SETTLED_NS` have passed without a finding: until then rates are not known, and an alarm
from before a restart must not be taken away by ignorance.
"""

from __future__ import annotations

from collections.abc import Iterable

from agent.model.times import NS_PER_S
from agent.model.verdict import Finding, Grade, Verdict, worst

CLEAR_NS = 5 * NS_PER_S
SETTLED_NS = 3 * NS_PER_S


class LiveVerdict:
    """The state of one opened source. Times are arrivals of frames, in nanoseconds."""

    def __init__(self) -> None:
        self._broken: dict[str, Finding] = {}
        self._broken_ns: dict[str, int] = {}
        self._told: frozenset[tuple[str, Grade]] | None = None
        self._begun_ns: int | None = None

    def judge(self, at_ns: int, findings: Iterable[Finding]) -> Verdict | None:
        """The verdict (broken rules only) when it should be told, else None."""
        if self._begun_ns is None:
            self._begun_ns = at_ns
        for finding in findings:
            if finding.grade is not Grade.CONFORMING:
                self._break(at_ns, finding)
            elif at_ns - self._broken_ns.get(finding.rule, at_ns) >= CLEAR_NS:
                del self._broken[finding.rule], self._broken_ns[finding.rule]
        state = frozenset((rule, finding.grade) for rule, finding in self._broken.items())
        if self._told is None and not state and at_ns - self._begun_ns < SETTLED_NS:
            return None
        if state == self._told:
            return None
        self._told = state
        broken = tuple(self._broken.values())
        return Verdict(grade=worst(finding.grade for finding in broken), findings=broken)

    def _break(self, at_ns: int, finding: Finding) -> None:
        """A milder finding doesn't replace a worse one before that has cleared."""
        known = self._broken.get(finding.rule)
        is_milder = known is not None and worst((known.grade, finding.grade)) is not finding.grade
        if not is_milder or at_ns - self._broken_ns[finding.rule] >= CLEAR_NS:
            self._broken[finding.rule] = finding
            self._broken_ns[finding.rule] = at_ns
