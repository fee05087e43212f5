"""The fleet: messages in, the state of boxes and what else they mean out. Pure.

Guarantees: what came before, or is older than what is known of its topic, changes nothing; no message of one
box changes another; the number of boxes, channels and standing alarms is bounded (`Refuse` `fleet.*`).
A will of an earlier connection is not believed. Times are arguments. Leaves out the checks of bytes
(`contract.py`), silence (`vigil.py`) and alarms' life (`alarms.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agent.console.boxes import Box, Channel, without_envelope
from agent.console.contract import Address, Message
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
from agent.console.shapes import MOST_CHANNELS
from agent.model.errors import Refuse
from agent.model.outgoing import Json
from agent.model.times import Instant

MOST_ALARMS = 200
_ADVICE = "look at this box, or raise limits.boxes of the console when the fleet has grown"


class Fleet:
    """Boxes by name. `changed` and `measured` gather names until somebody takes them."""

    def __init__(self, most_boxes: int) -> None:
        self.boxes: dict[str, Box] = {}
        self.changed: set[str] = set()
        self.measured: set[tuple[str, str]] = set()
        self.duplicates = 0
        self._most = most_boxes

    def box(self, name: str) -> Box:
        """The box of this name, new when it was unknown. Refuse `fleet.too-many-boxes`."""
        found = self.boxes.get(name)
        if found is None:
            if len(self.boxes) >= self._most:
                raise Refuse("fleet.too-many-boxes", f"more than {self._most} boxes", _ADVICE)
            found = self.boxes[name] = Box(name=name)
            self.changed.add(name)
        return found

    def forget(self, name: str) -> None:
        """Takes a box out; it comes back when it speaks."""
        self.boxes.pop(name, None)
        self.changed.discard(name)

    def take(self, message: Message, now: Instant, round_: int = 0) -> list[Effect]:
        """Believes one message. Refuse `fleet.too-many-boxes`, `-channels`, `-alarms`.

        `round_` counts our subscriptions: after each the broker says again what it keeps.
        """
        box = self.box(message.address.box)
        if not message.retained:
            box.heard_mono_ns, box.heard_wall_ns = now.mono_ns, now.wall_ns
        elif not box.heard_mono_ns:
            box.heard_mono_ns = now.mono_ns  # from here on its silence counts
        self._note(box, message, round_)
        if self._stale(box, message, now):
            self.duplicates += 1
            return []
        if message.seq is not None and message.seq >= box.numbers.top:
            box.boot, box.clk, box.session = message.boot, message.clk, message.session
        return self._believed(box, message)

    def _note(self, box: Box, message: Message, round_: int) -> None:
        """What the broker keeps of this box, for those who ask what is not said any more."""
        if round_ > box.round:
            box.round, box.said = round_, set()
        found = message.address
        if found.kind not in ("birth", "a"):
            return
        name = "birth" if found.kind == "birth" else f"{found.entity}/{found.type}"
        if message.body is None:
            box.said.discard(name)
        elif len(box.said) <= MOST_ALARMS:
            box.said.add(name)

    def refused(self, name: str, topic: str, error: Refuse, now: str) -> None:
        """Counts a message of this box that broke the contract."""
        try:
            box = self.box(name)
        except Refuse:
            return
        box.refused += 1
        box.refusals.appendleft({"at": now, "topic": topic[:256], "code": error.code, "text": error.text})
        self.changed.add(name)

    def _stale(self, box: Box, message: Message, now: Instant) -> bool:
        """True for what is known; keeps the account of numbers."""
        found, seq = message.address, message.seq
        if seq is None:
            return message.session < max(box.status_session, box.birth_session) and not message.bare
        if found.kind == "birth" and _counts_anew(box, message):
            box.numbers.restart(seq)
            box.seen.clear()
            box.measured_seq = 0
            box.birth_session = 0
            for channel in box.channels.values():
                channel.measured_seq = 0
            box.status_session = -1
        if found.key == "status" and message.session < box.birth_session:
            return True
        box.numbers.explained((one, one) for one in message.replaces)
        topic = f"{found.entity}/{found.kind}/{found.type}"
        if message.retained:
            box.numbers.retained(seq, now.mono_ns)
            news = True
        else:
            news = box.numbers.came(seq, now.mono_ns)
        if found.kind in ("e", "m", "res") or (topic.startswith("_/check/") and found.type != "last"):
            return not news
        # Of a topic that the broker keeps the newest counts, however often and late the others come.
        if seq <= box.seen.get(topic, 0):
            return True
        box.seen[topic] = seq
        return False

    def _believed(self, box: Box, message: Message) -> list[Effect]:
        found, body = message.address, message.body
        if body is None:
            return self._cleared(box, message)
        if found.kind == "m":
            return self._measured(box, message, body)
        if found.kind != "e":
            self.changed.add(box.name)
        match found.kind:
            case "birth":
                return self._born(box, message, body)
            case "a":
                return self._alarm(box, found, body)
            case "e":
                return self._event(box, message, body)
            case "res":
                return [Answered(box=box.name, at=message.ts, body=without_envelope(body))]
            case "check":
                box.check = {**without_envelope(body), "at": message.ts, "note": None}
                return [CheckCame(box=box.name, at=message.ts, body=without_envelope(body))]
            case _:
                self._state(box, message, body)
        return []

    def _born(self, box: Box, message: Message, body: Mapping[str, Any]) -> list[Effect]:
        named = {
            one if isinstance(one, str) else one["id"]: {} if isinstance(one, str) else one
            for one in body.get("channels", [])
        }
        box.channels = {
            name: Channel(
                facts=facts,
                state=known.state,
                measured=known.measured,
                measured_ts=known.measured_ts,
                measured_seq=known.measured_seq,
                twins=known.twins,
            )
            for name, facts in named.items()
            for known in [box.channels.get(name, Channel())]
        }
        box.birth = without_envelope(body)
        box.birth_seq, box.birth_boot = message.seq or 0, message.boot
        box.birth_session = message.session
        return [] if message.retained else [Born(box=box.name)]

    def _alarm(self, box: Box, found: Address, body: Mapping[str, Any]) -> list[Effect]:
        name = f"{found.entity}/{found.type}"
        if name not in box.standing and len(box.standing) >= MOST_ALARMS:
            raise Refuse("fleet.too-many-alarms", f"{box.name} has {MOST_ALARMS} alarms", _ADVICE)
        box.standing.add(name)
        return [
            AlarmRaised(
                box=box.name,
                entity=found.entity,
                slug=found.type,
                code=body["code"],
                severity=body["severity"],
                since=body["since"],
                text=body["text"],
                remedy=body["remedy"],
            )
        ]

    def _cleared(self, box: Box, message: Message) -> list[Effect]:
        found = message.address
        if found.kind != "a":
            return []
        box.standing.discard(f"{found.entity}/{found.type}")
        self.changed.add(box.name)
        return [AlarmCleared(box=box.name, entity=found.entity, slug=found.type)]

    def _event(self, box: Box, message: Message, body: Mapping[str, Any]) -> list[Effect]:
        found = message.address
        if found.type == "data_loss":
            box.lost += body["count"]
            box.numbers.explained((first, last) for first, last in body["ranges"])
            told: dict[str, Json] = {name: body[name] for name in ("cause", "count", "classes")}
            box.losses.appendleft({"at": message.ts, **told})
            self.changed.add(box.name)
        return [
            EventCame(
                box=box.name,
                entity=found.entity,
                type=found.type,
                at=message.ts,
                seq=message.seq or 0,
                body=without_envelope(body),
            )
        ]

    def _measured(self, box: Box, message: Message, body: Mapping[str, Any]) -> list[Effect]:
        entity, seq = message.address.entity, message.seq or 0
        place = box if entity == "_" else self._channel(box, entity)
        if seq > place.measured_seq:  # what waited in the outbox is history
            place.measured, place.measured_ts, place.measured_seq = body, message.ts, seq
            self.measured.add((box.name, entity))
        return [
            Measured(
                box=box.name,
                entity=entity,
                at=message.ts,
                boot=message.boot,
                mono_ms=message.mono_ms,
                body=body,
            )
        ]

    def _state(self, box: Box, message: Message, body: Mapping[str, Any]) -> None:
        match message.address.key:
            case "status":
                box.status, box.cause, box.since = body["status"], body["cause"], message.ts
                box.status_session = message.session
            case "state-channel":
                channel = self._channel(box, message.address.entity)
                channel.state = body
                if body["signal"] != "present":
                    channel.measured = {}
            case "state-ledger":
                box.ledger = body
            case "state-retention":
                box.retention = without_envelope(body)
            case "ckpt-head":
                box.head = _head(body["note"], message.ts)
            case "report-week":
                box.week = {name: body[name] for name in ("made", "from_leaf", "to_leaf", "leaf")}
            case "twin-spec" | "twin-device":
                self._channel(box, message.address.entity).twins[message.address.type] = body
            case _:
                box.twins[message.address.type] = body

    def _channel(self, box: Box, name: str) -> Channel:
        found = box.channels.get(name)
        if found is None:
            if len(box.channels) >= MOST_CHANNELS:
                raise Refuse("fleet.too-many-channels", f"more than {MOST_CHANNELS} channels", _ADVICE)
            found = box.channels[name] = Channel()
        return found


def _counts_anew(box: Box, message: Message) -> bool:
    """True when the box lost its outbox: a later start with lower numbers."""
    if message.retained or message.seq is None or message.seq >= box.birth_seq or message.body is None:
        return False
    other_start = message.body.get("cmd_nonce") != box.birth.get("cmd_nonce")
    return other_start or message.boot != box.birth_boot


def _head(note: str, at: str) -> dict[str, Json] | None:
    """Size and root of a checkpoint, not verified: the witness does that."""
    lines = note.split("\n", 3)
    if len(lines) < 4 or not lines[1].isascii() or not lines[1].isdigit() or len(lines[1]) > 18:
        return None
    return {"size": int(lines[1]), "root": lines[2][:64], "at": at}
