"""The alarms of a channel whose stream breaks its collection spec (STD 6.2).

Guarantees: `spec.nonconforming` is raised while a rule is nonconforming and `spec.degraded` while one is
degraded, each with what was measured and what is required; raised anew when other rules break, so that
the text is never about the wrong ones; taken away as soon as none is left. Follows what the channel's
process says of its live stream (`FindingsChanged`); a segment's verdict goes to the ledger only.
`spec.excess` is raised while the source gives more than the spec allows and is reduced before it is recorded.
"""

from __future__ import annotations

from agent.formats import ipc_v1 as ipc
from agent.model.verdict import Grade
from agent.runtime.book import Book
from agent.runtime.telemetry import Alarm

NONCONFORMING = "spec.nonconforming"
DEGRADED = "spec.degraded"
EXCESS = "spec.excess"
_TEXTS = (
    (Grade.NONCONFORMING, NONCONFORMING, "what the source delivers breaks the collection spec"),
    (Grade.DEGRADED, DEGRADED, "what the source delivers is worse than the collection spec"),
)
_EXCESS_REMEDY = (
    "set the device to the spec, so that no more leaves it than is needed and its own bits are recorded"
)
_REMEDY = "set the device to the spec, or correct the channel's spec; recording goes on, flagged"


class SpecAlarms:
    """One channel's; called from the keeper's main thread only."""

    def __init__(self, entity: str, book: Book) -> None:
        self._entity = entity
        self._book = book
        self._raised: dict[str, frozenset[str]] = {}

    def findings_changed(self, message: ipc.FindingsChanged) -> None:
        """Raises and closes what follows from the broken rules."""
        for grade, code, text in _TEXTS:
            broken = [finding for finding in message.findings if finding.grade == grade.value]
            rules = frozenset(finding.rule for finding in broken)
            if rules == self._raised.get(code, frozenset()) and broken:
                continue
            self._raised[code] = rules
            self._book.close_alarms(self._entity, code)
            if broken:
                told = "; ".join(f"{f.rule}: {f.measured}, required {f.required}" for f in broken)
                self._book.raise_alarm(
                    Alarm(
                        entity=self._entity,
                        code=code,
                        severity="warning",
                        text=f"{text}: {told}",
                        remedy=_REMEDY,
                    )
                )

    def segment_opened(self, conformed: ipc.ConformedTold | None) -> None:
        """Raises and closes what follows from what is done to the stream."""
        reduced = () if conformed is None else tuple(c for c in conformed.changes if c in ("size", "rate"))
        if conformed is None or not reduced:
            self._book.close_alarms(self._entity, EXCESS)
            return
        text = (
            f"the source delivers more than the collection spec allows ({' and '.join(reduced)}): its "
            f"{conformed.width}x{conformed.height} {conformed.codec} pictures are reduced before recording"
        )
        standing = {
            alarm.text for alarm in self._book.alarms if (alarm.entity, alarm.code) == (self._entity, EXCESS)
        }
        if text not in standing:
            self._book.close_alarms(self._entity, EXCESS)
            self._book.raise_alarm(
                Alarm(entity=self._entity, code=EXCESS, severity="warning", text=text, remedy=_EXCESS_REMEDY)
            )
