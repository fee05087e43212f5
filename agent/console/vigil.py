"""Alarms that no box raises about itself: silence, loss, hostile or missing messages, certificates. Pure.

Guarantees: a box that says that it is on line and says nothing for `SILENT_S` has an alarm at the next
look; looked at every second that is within 75 s of its last message. Hostile messages cost one alarm a box,
however many come. Times are arguments. Leaves out alarms of boxes themselves.
"""

from __future__ import annotations

from datetime import UTC, datetime

from agent.console.boxes import MISSING_AFTER_NS, Box
from agent.console.effects import AlarmCleared, AlarmRaised
from agent.model.times import NS_PER_S, Instant, rfc3339

SILENT_S = 65
_MISSING_ALARM_NS = 600 * NS_PER_S
_WARN_DAYS, _CRITICAL_DAYS = 30, 7
_SILENT = f"it says nothing since {SILENT_S} s"
_REMEDY = {
    "console.box-silent": "look whether the box has power and network; its own recording does not need us",
    "console.box-lost": "look whether the box has power and network; its own recording does not need us",
    "console.hostile-messages": "look at this box: a defect, or somebody has its key; revoke its certificate",
    "console.messages-missing": "look at the broker's log: messages of this box were lost on their way",
    "console.data-loss": "the box dropped messages; look at its disk and at how long it was off line",
    "console.certificate-ending": "enroll the box again before its certificate ends (docs/broker.md)",
    "console.certificate-ended": "enroll the box again (docs/broker.md)",
    "console.broker-lost": "look at the broker and the network; boxes keep their messages",
    "console.database": "free space on the console's disk, or end what locks its database",
    "console.too-many-boxes": "raise limits.boxes, or find out who publishes under new names",
    "console.witness": "look at the console's log and run: edgeward witness status",
}


def raised(code: str, text: str, now: Instant, *, box: str | None, severity: str = "critical") -> AlarmRaised:
    """An alarm of the console."""
    return AlarmRaised(
        box=box, entity="_", slug=slug(code), code=code, severity=severity, since=rfc3339(now.wall_ns),
        text=text, remedy=_REMEDY[code],
    )  # fmt: skip


def cleared(code: str, *, box: str | None) -> AlarmCleared:
    """Its end."""
    return AlarmCleared(box=box, entity="_", slug=slug(code))


def slug(code: str) -> str:
    """A code as a topic would spell it."""
    return code.replace(".", "-")


class Vigil:
    """What was raised, so that it is said once. `look` is to be called every second."""

    def __init__(self) -> None:
        self._standing: dict[tuple[str, str], str] = {}

    def load(self, box: str, code: str, text: str) -> None:
        """What stood at the end of an earlier run."""
        self._standing[box, code] = text

    def look(self, box: Box, now: Instant) -> list[AlarmRaised | AlarmCleared]:
        """What changed with this box since the last look."""
        quiet_ns = now.mono_ns - box.heard_mono_ns
        box.silent = box.alive and box.heard_mono_ns > 0 and quiet_ns >= SILENT_S * NS_PER_S
        box.missing = box.numbers.missing(now.mono_ns, MISSING_AFTER_NS)
        old_missing = box.missing and box.numbers.missing(now.mono_ns, _MISSING_ALARM_NS)
        lost = box.status == "offline" and box.cause == "lost"
        found = [
            self._is(box, now, "console.box-silent", _SILENT if box.silent else ""),
            self._is(box, now, "console.box-lost", "it was lost without a good-bye" if lost else ""),
            self._is(
                box, now, "console.messages-missing",
                "messages neither came nor were explained" if old_missing else "", "warning",
            ),
            *self._certificate(box, now),
        ]  # fmt: skip
        return [one for one in found if one is not None]

    def hostile(self, box: str, code: str, now: Instant) -> AlarmRaised | None:
        """A message of this box was refused. It stands until a person closes it, see `calm`."""
        if (box, "console.hostile-messages") in self._standing:
            return None
        self._standing[box, "console.hostile-messages"] = code
        text = f"it sends what the contract forbids ({code})"
        return raised("console.hostile-messages", text, now, box=box)

    def calm(self, box: str) -> AlarmCleared | None:
        """No message of this box was refused for a while."""
        if self._standing.pop((box, "console.hostile-messages"), None) is None:
            return None
        return cleared("console.hostile-messages", box=box)

    def forget(self, box: str) -> list[AlarmCleared]:
        """A box that is no more: all that stands is cleared."""
        codes = [code for name, code in self._standing if name == box]
        for code in codes:
            del self._standing[box, code]
        return [cleared(code, box=box) for code in codes]

    def _is(
        self, box: Box, now: Instant, code: str, text: str, severity: str = "critical"
    ) -> AlarmRaised | AlarmCleared | None:
        """An alarm as long as `text` is not empty."""
        key = (box.name, code)
        if not text:
            return None if self._standing.pop(key, None) is None else cleared(code, box=box.name)
        if self._standing.get(key) == text:
            return None
        self._standing[key] = text
        return raised(code, text, now, box=box.name, severity=severity)

    def _certificate(self, box: Box, now: Instant) -> list[AlarmRaised | AlarmCleared | None]:
        certificate = (box.twins.get("keys") or {}).get("certificate")
        left = None if certificate is None else days_left(certificate["not_after"], now.wall_ns)
        ended = left is not None and left < 0
        ending = left is not None and 0 <= left <= _WARN_DAYS
        severity = "critical" if left is not None and left <= _CRITICAL_DAYS else "warning"
        within = _CRITICAL_DAYS if severity == "critical" else _WARN_DAYS
        text = f"its MQTT certificate ends in {within} days or less"
        return [
            self._is(box, now, "console.certificate-ending", text if ending else "", severity),
            self._is(
                box, now, "console.certificate-ended", "its MQTT certificate has ended" if ended else ""
            ),
        ]


def days_left(not_after: str, wall_ns: int) -> float:
    """Days until then, negative when it is over."""
    end = datetime.fromisoformat(not_after).replace(tzinfo=UTC).timestamp()
    return (end - wall_ns / NS_PER_S) / 86_400
