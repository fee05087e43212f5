"""Bytes of an MQTT message to a `Message`, or a refusal. Pure.

Guarantees: a `Message` has the shape that its topic asks for (`shapes.py`) and says that the box of its topic
made it; size, depth, numbers and texts are bounded; nothing but `Refuse` is raised, with a code below
`message.`. A topic of a later contract gives None. Leaves out whether it is new (`numbers.py`) and what it
means (`fleet.py`). `mqtt_v1.decode` says the same of the envelope, at ten times the cost.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agent.console.shape import Place, Shape, count, positive, stamp
from agent.console.shapes import SHAPES
from agent.console.strict_json import parse_object
from agent.model.errors import Refuse
from agent.model.ids import BOX_PATTERN, CHANNEL_PATTERN

KINDS = ("birth", "status", "twin", "state", "m", "a", "e", "ckpt", "res", "check", "report")
FILTERS = tuple(f"edgeward/v1/+/+/{kind}/#" for kind in KINDS)
WITNESS_FILTER = "edgeward/v1/ctl/a/witness/+"
_PREFIX = "edgeward/v1/"
_MAX_TOPIC = 256
_MAX_REPLACES = 64
_BOX = re.compile(BOX_PATTERN.strip("^$"))
_CHANNEL = re.compile(CHANNEL_PATTERN.strip("^$"))
_TYPE = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_CLOCKS = frozenset({"synced", "unsynced", "unknown"})
_ADVICE = "look at this box: its program breaks the contract, or somebody has its key"


@dataclass(frozen=True, slots=True)
class Address:
    """What a topic says. `key` names the shape; None for a topic of a later contract."""

    box: str
    entity: str
    kind: str
    type: str
    key: str | None


@dataclass(frozen=True, slots=True)
class Message:
    """One message that may be believed as far as its box may be. `body` None: a retained topic is cleared.

    `seq` is None in the will, and in a clear without an envelope (`bare`), which no box makes.
    """

    address: Address
    boot: str
    session: int
    seq: int | None
    ts: str
    mono_ms: int
    clk: str
    replaces: tuple[int, ...]
    body: Mapping[str, Any] | None
    retained: bool
    bare: bool = False


def box_of(topic: str) -> str | None:
    """The box whose messages stand below this topic; None when the topic names none."""
    if not topic.startswith(_PREFIX) or len(topic) > _MAX_TOPIC:
        return None
    box = topic[len(_PREFIX) :].partition("/")[0]
    return box if _BOX.fullmatch(box) and box != "ctl" else None


def address(topic: str) -> Address:
    """The parts of a topic; Refuse `message.topic`."""
    parts = topic.split("/", 5) if len(topic) <= _MAX_TOPIC else []
    if len(parts) != 6 or parts[0] != "edgeward" or parts[1] != "v1" or box_of(topic) is None:
        raise Refuse("message.topic", "no topic of the contract", _ADVICE)
    _, _, box, entity, kind, rest = parts
    if entity != "_" and not _CHANNEL.fullmatch(entity):
        raise Refuse("message.topic", "the topic's entity is no channel", _ADVICE)
    if kind == "res":
        name, _, last = rest.partition("/")
        if not _TYPE.fullmatch(name) or not _TYPE.fullmatch(last):
            raise Refuse("message.topic", "the topic of an answer has a type and an id", _ADVICE)
        return Address(box, entity, kind, rest, "res")
    if not _TYPE.fullmatch(rest) and rest != "data_loss":
        raise Refuse("message.topic", "the topic's last part is no type", _ADVICE)
    if kind in ("a", "check"):
        return Address(box, entity, kind, rest, kind)
    key = kind if kind in ("birth", "status") and rest == "box" else f"{kind}-{rest}"
    return Address(box, entity, kind, rest, key if key in SHAPES else None)


def parse(topic: str, payload: bytes, envelope: str | None, *, retained: bool) -> Message | None:
    """The message; None for a topic of a later contract. `envelope` is that of a clear (an empty payload).

    Refuse `message.topic`, `.too-large`, `.not-json`, `.envelope`, `.forged`, `.shape`.
    """
    found = address(topic)
    if found.key is None:
        return None
    shape = SHAPES[found.key]
    if len(payload) > shape.limit:
        raise Refuse("message.too-large", f"{len(payload)} bytes where {shape.limit} are allowed", _ADVICE)
    if not payload:
        return _clear(found, envelope, retained)
    value = _object(payload)
    message = _enveloped(found, value, value, retained)
    _check_shape(found, shape, value)
    return message


def _clear(found: Address, envelope: str | None, retained: bool) -> Message:
    if envelope is None:
        return Message(found, "", 0, None, "", 0, "unknown", (), None, retained, bare=True)
    if len(envelope) > 4096:
        raise Refuse("message.too-large", "the envelope of a clear is too long", _ADVICE)
    return _enveloped(found, _object(envelope.encode("utf-8", "replace")), None, retained)


def _object(data: bytes) -> dict[str, Any]:
    try:
        return parse_object(data)
    except ValueError:
        raise Refuse(
            "message.not-json", "not one JSON object in UTF-8 without doubled names", _ADVICE
        ) from None


def _enveloped(
    found: Address, value: Mapping[str, Any], body: Mapping[str, Any] | None, retained: bool
) -> Message:
    try:
        version, box, boot, session = value["v"], value["box"], value["boot"], value["session"]
        seq, ts, mono_ms, clk = value["seq"], value["ts"], value["mono_ms"], value["clk"]
    except KeyError as error:
        raise Refuse("message.envelope", f"the envelope has no {error.args[0]}", _ADVICE) from None
    if box != found.box:
        raise Refuse("message.forged", "it says that another box than the topic's made it", _ADVICE)
    replaces = value.get("replaces", ())
    will = seq is None and found.key == "status"
    good = (
        (type(version) is int and version == 1)
        and (type(boot) is str and 1 <= len(boot) <= 64)
        and count(session)
        and (positive(seq) or will)
        and stamp(ts)
        and count(mono_ms)
        and (type(clk) is str and clk in _CLOCKS)
        and (replaces == () or (type(replaces) is list and len(replaces) <= _MAX_REPLACES))
        and all(map(positive, replaces))
    )
    if not good:
        raise Refuse("message.envelope", "the envelope is not as the contract says", _ADVICE)
    return Message(found, boot, session, seq, ts, mono_ms, clk, tuple(replaces), body, retained)


def _check_shape(found: Address, shape: Shape, value: Mapping[str, Any]) -> None:
    if shape.place is not Place.ANY and (found.entity == "_") != (shape.place is Place.BOX):
        raise Refuse("message.topic", f"{found.key} of an entity that can't say it", _ADVICE)
    wrong = shape.wrong(value)
    if wrong is not None:
        raise Refuse(
            "message.shape",
            f"the field {wrong} of {found.key} is missing or not as the contract says",
            _ADVICE,
        )
    twice = {"a": "entity", "e": "channel"}.get(found.kind)
    if twice in shape.required and value[str(twice)] != found.entity:
        raise Refuse("message.forged", "it speaks of another entity than its topic", _ADVICE)
    if found.kind == "a" and value["code"].replace(".", "-") != found.type:
        raise Refuse("message.forged", "it speaks of another alarm than its topic", _ADVICE)
    if found.kind == "res" and f"{value['type']}/{value['cmd_id']}" != found.type:
        raise Refuse("message.forged", "it answers another command than its topic", _ADVICE)
    if found.kind == "check" and found.type != "last" and value["run"] != found.type:
        raise Refuse("message.forged", "it reports another run than its topic", _ADVICE)
