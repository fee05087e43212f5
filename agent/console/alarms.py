"""Alarms from raised to closed: each step with a time, a name and a reason (STD 7.4 f). Pure.

Guarantees: one open alarm per box, entity and code; what is active can't be closed; nothing is closed by
itself; a cause that comes back before that raises the same alarm again. Every change is in `changed` and
every step in `steps` until somebody takes them to the database. Ids and times are arguments. Leaves out who
may.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import TypeAlias

from agent.console.boxes import Counts
from agent.console.effects import AlarmCleared, AlarmRaised
from agent.model.errors import Refuse
from agent.model.outgoing import Json

Key: TypeAlias = tuple[str | None, str, str]
MOST_OPEN = 50_000
_STATE_ADVICE = "look at the alarm again: somebody else was faster"


@dataclass(slots=True, kw_only=True)
class Alarm:
    """One alarm. `by`, `reason`, `at` are of its last step by a person."""

    id: str
    box: str | None
    entity: str
    slug: str
    code: str
    severity: str
    text: str
    remedy: str
    source: str
    since: str
    raised: str
    active: bool = True
    cleared: str | None = None
    count: int = 1
    state: str = "raised"
    by: str | None = None
    reason: str | None = None
    at: str | None = None

    @property
    def key(self) -> Key:
        """What there is one open alarm of."""
        return self.box, self.entity, self.slug

    def json(self) -> dict[str, Json]:
        """As the API says it."""
        return {
            "id": self.id, "box": self.box, "entity": self.entity, "code": self.code,
            "severity": self.severity, "text": self.text, "remedy": self.remedy, "source": self.source,
            "since": self.since, "raised": self.raised, "active": self.active, "cleared": self.cleared,
            "count": self.count, "state": self.state, "by": self.by, "reason": self.reason, "at": self.at,
        }  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What happened to an alarm."""

    alarm: str
    at: str
    step: str
    by: str | None = None
    reason: str | None = None


@dataclass(slots=True)
class AlarmBook:
    """Every open alarm. `new_id` makes an id."""

    new_id: Callable[[], str]
    open: dict[str, Alarm] = field(default_factory=dict)
    changed: dict[str, Alarm] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)
    overflow: int = 0
    _by_key: dict[Key, Alarm] = field(default_factory=dict)
    _by_box: dict[str | None, dict[str, Alarm]] = field(default_factory=dict)

    def load(self, alarm: Alarm) -> None:
        """An open alarm of an earlier run."""
        self.open[alarm.id] = alarm
        self._by_key[alarm.key] = alarm
        self._by_box.setdefault(alarm.box, {})[alarm.id] = alarm

    def raise_(self, seen: AlarmRaised, now: str, *, source: str = "box") -> None:
        """The cause stands. Said again without news it changes nothing."""
        found = self._by_key.get((seen.box, seen.entity, seen.slug))
        if found is None:
            self._new(seen, now, source)
            return
        same = (found.severity, found.text, found.remedy) == (seen.severity, seen.text, seen.remedy)
        if found.active and found.since == seen.since and same:
            return
        again = not found.active
        found.severity, found.text, found.remedy, found.since = (
            seen.severity, seen.text, seen.remedy, seen.since,
        )  # fmt: skip
        if again:
            found.active, found.cleared, found.state = True, None, "raised"
            found.count += 1
            self._step(found, "raised-again", now)
        self.changed[found.id] = found

    def clear(self, seen: AlarmCleared, now: str) -> None:
        """The cause is gone; the alarm stays open."""
        found = self._by_key.get((seen.box, seen.entity, seen.slug))
        if found is not None and found.active:
            found.active, found.cleared = False, now
            self._step(found, "cleared", now)
            self.changed[found.id] = found

    def reconcile(self, box: str, standing: Collection[str], now: str) -> None:
        """After all retained messages came: what the box does not say any more is gone."""
        for alarm in list(self._by_box.get(box, {}).values()):
            if alarm.source == "box" and f"{alarm.entity}/{alarm.slug}" not in standing:
                self.clear(AlarmCleared(box=box, entity=alarm.entity, slug=alarm.slug), now)

    def may_acknowledge(self, alarm_id: str) -> Alarm:
        """The alarm; Refuse as `acknowledge`."""
        found = self._open(alarm_id)
        if found.state != "raised":
            raise Refuse("alarm.state", "it is acknowledged already", _STATE_ADVICE)
        return found

    def may_close(self, alarm_id: str) -> Alarm:
        """The alarm; Refuse as `close`."""
        found = self._open(alarm_id)
        if found.active:
            advice = "remove its cause first; until then acknowledge it"
            raise Refuse("alarm.still-active", "its cause still stands", advice)
        return found

    def acknowledge(self, alarm_id: str, by: str, reason: str, now: str) -> Alarm:
        """Somebody has seen it. Refuse `alarm.unknown`, `alarm.state`."""
        found = self.may_acknowledge(alarm_id)
        found.state, found.by, found.reason, found.at = "acknowledged", by, reason, now
        self._step(found, "acknowledged", now, by, reason)
        self.changed[found.id] = found
        return found

    def close(self, alarm_id: str, by: str, reason: str, now: str) -> Alarm:
        """It is dealt with. Refuse `alarm.unknown`, `alarm.still-active`."""
        found = self.may_close(alarm_id)
        if found.state == "raised":
            self._step(found, "acknowledged", now, by, reason)
        found.state, found.by, found.reason, found.at = "closed", by, reason, now
        self._step(found, "closed", now, by, reason)
        self.changed[found.id] = found
        del self.open[found.id], self._by_key[found.key], self._by_box[found.box][found.id]
        return found

    def counts(self, box: str) -> Counts:
        """How many of this box are open, by severity of the active ones."""
        counts = Counts()
        for alarm in self._by_box.get(box, {}).values():
            counts.critical += alarm.active and alarm.severity == "critical"
            counts.warning += alarm.active and alarm.severity == "warning"
            counts.unacknowledged += alarm.state == "raised"
        return counts

    def _open(self, alarm_id: str) -> Alarm:
        found = self.open.get(alarm_id)
        if found is None:
            raise Refuse("alarm.unknown", "there is no open alarm with this id", _STATE_ADVICE)
        return found

    def _new(self, seen: AlarmRaised, now: str, source: str) -> None:
        if len(self.open) >= MOST_OPEN:
            self.overflow += 1
            return
        made = Alarm(
            id=self.new_id(), box=seen.box, entity=seen.entity, slug=seen.slug, code=seen.code,
            severity=seen.severity, text=seen.text, remedy=seen.remedy, source=source, since=seen.since,
            raised=now,
        )  # fmt: skip
        self.load(made)
        self._step(made, "raised", now)
        self.changed[made.id] = made

    def _step(
        self, alarm: Alarm, step: str, now: str, by: str | None = None, reason: str | None = None
    ) -> None:
        self.steps.append(Step(alarm=alarm.id, at=now, step=step, by=by, reason=reason))
