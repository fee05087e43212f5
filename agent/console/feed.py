"""From messages as they came to what the console knows, stores and tells.

Guarantees: a message that is refused, or that meets a defect of ours, changes nothing of another box, is
counted for its own and raises one alarm that names it. Bound to one event loop; never waits. Leaves out
where messages come from (`intake.py`) and what browsers are told (`news.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from agent.console import contract, rows, vigil
from agent.console.alarms import Alarm, AlarmBook
from agent.console.effects import (
    AlarmCleared,
    AlarmRaised,
    Answered,
    Born,
    CheckCame,
    Effect,
    EventCame,
    Measured,
)
from agent.console.fleet import Fleet
from agent.console.intake import Item
from agent.console.minutes import Minutes
from agent.console.vigil import Vigil
from agent.console.writer import Row
from agent.model.errors import Refuse
from agent.model.outgoing import Json
from agent.model.times import NS_PER_S, Instant, rfc3339

CALM_NS = 600 * NS_PER_S
_OPENED = (
    "level", "category", "scene", "place", "responsible", "suite", "ticket", "emergency", "retain_until",
)  # fmt: skip
_CLOSED = ("segments", "frames", "frames_expected", "gaps", "size_bytes", "verdict", "cause")


class Orderly(Protocol):
    """Who carries commands."""

    def born(self, box: str) -> None:
        """The box began a connection."""
        ...

    def answered(self, seen: Answered, now: Instant) -> None:
        """The box answered."""
        ...


class Feed:
    """See the module's text. `store` takes rows to be written, `checked` hears of reports."""

    def __init__(
        self, fleet: Fleet, alarms: AlarmBook, watch: Vigil, minutes: Minutes, post: Orderly, *,
        store: Callable[[Row], None], checked: Callable[[str, str], None],
    ) -> None:  # fmt: skip
        self._fleet = fleet
        self._alarms = alarms
        self._vigil = watch
        self._minutes = minutes
        self._post = post
        self._store = store
        self._checked = checked
        self._refused_at: dict[str, int] = {}
        self.messages = 0
        self.refused = 0

    def take(self, items: Iterable[Item], now: Instant) -> None:
        """Believes what can be believed."""
        for item in items:
            self.messages += 1
            try:
                self._believe(item, now)
            except Refuse as error:
                self.refuse(item.box, item.topic, error, now)

    def refuse(self, box: str, topic: str, error: Refuse, now: Instant) -> None:
        """Counts a message that broke the contract; the first of its box raises the alarm."""
        self.refused += 1
        if error.code == "fleet.too-many-boxes":
            self._alarms.raise_(
                vigil.raised("console.too-many-boxes", error.text, now, box=None), rfc3339(now.wall_ns),
                source="console",
            )  # fmt: skip
            return
        if not box:
            return
        self._fleet.refused(box, topic, error, rfc3339(now.wall_ns))
        if box not in self._fleet.boxes:
            return
        self._refused_at[box] = now.mono_ns
        self.alarm(self._vigil.hostile(box, error.code, now), now)

    def remember(self, alarm: Alarm, now: Instant) -> None:
        """An open alarm of an earlier run."""
        self._alarms.load(alarm)
        if alarm.source == "console" and alarm.active and alarm.box is not None:
            self._vigil.load(alarm.box, alarm.code, alarm.text)
            if alarm.code == "console.hostile-messages":
                self._refused_at[alarm.box] = now.mono_ns

    def look(self, now: Instant) -> None:
        """Every second: who is silent, missing, calm again."""
        for box in self._fleet.boxes.values():
            was = box.silent, box.missing
            for one in self._vigil.look(box, now):
                self.alarm(one, now)
            if was != (box.silent, box.missing):
                self._fleet.changed.add(box.name)
        for name in [name for name, at in self._refused_at.items() if now.mono_ns - at >= CALM_NS]:
            del self._refused_at[name]
            self.alarm(self._vigil.calm(name), now)

    def alarm(self, one: AlarmRaised | AlarmCleared | None, now: Instant) -> None:
        """An alarm of the console's own."""
        stamp = rfc3339(now.wall_ns)
        if isinstance(one, AlarmRaised):
            self._alarms.raise_(one, stamp, source="console")
        elif one is not None:
            self._alarms.clear(one, stamp)

    def reconcile(self, round_: int, now: Instant) -> None:
        """All retained messages came: alarms that the broker does not keep any more are over.

        Only of boxes of which it keeps the birth: a broker that lost everything proves nothing.
        """
        for box in self._fleet.boxes.values():
            if box.round == round_ and "birth" in box.said:
                box.standing &= box.said
                self._alarms.reconcile(box.name, box.said, rfc3339(now.wall_ns))

    def forget(self, name: str, now: Instant) -> None:
        """A box that is no more: its alarms are over, and nothing of it is looked at."""
        for one in self._vigil.forget(name):
            self.alarm(one, now)
        self._alarms.reconcile(name, (), rfc3339(now.wall_ns))
        self._refused_at.pop(name, None)
        self._minutes.forget(name)
        self._fleet.forget(name)

    def _believe(self, item: Item, now: Instant) -> None:
        """Refuse for what must not be believed."""
        try:
            message = contract.parse(item.topic, item.payload, item.envelope, retained=item.retained)
            if message is not None:
                for effect in self._fleet.take(message, now, item.round):
                    self._do(effect, now)
        except Refuse:
            raise
        except Exception as error:  # one message must not blind us for every other box
            kind = type(error).__name__
            raise Refuse("message.defect", f"it met a defect of the console: {kind}", "report it") from error

    def _do(self, effect: Effect, now: Instant) -> None:
        match effect:
            case AlarmRaised():
                self._alarms.raise_(effect, rfc3339(now.wall_ns))
            case AlarmCleared():
                self._alarms.clear(effect, rfc3339(now.wall_ns))
            case Born():
                self._post.born(effect.box)
            case Answered():
                self._post.answered(effect, now)
            case CheckCame():
                self._store(rows.check(effect))
                self._checked(effect.box, effect.body["run"])
            case EventCame():
                self._event(effect, now)
            case Measured():
                self._minutes.take(effect, now.wall_ns)

    def _event(self, seen: EventCame, now: Instant) -> None:
        if seen.type == "segment":
            return  # one a minute and channel: the recording's last event has the sums
        self._store(rows.event(seen))
        if seen.type == "data_loss":
            text = f"it dropped {seen.body['count']} messages ({seen.body['cause']})"
            self.alarm(vigil.raised("console.data-loss", text, now, box=seen.box, severity="warning"), now)
            self.alarm(vigil.cleared("console.data-loss", box=seen.box), now)  # over, and to be read
        facts: dict[str, Json]
        if seen.type == "recording-opened":
            facts = {"opened": seen.at, **{name: seen.body.get(name) for name in _OPENED}}
        elif seen.type == "recording-closed":
            facts = {"closed": seen.at, **{name: seen.body.get(name) for name in _CLOSED}}
        else:
            return
        self._store(rows.recording(seen.box, seen.body["recording"], seen.entity, facts))
