"""MQTT messages as bytes, version 1 (docs/formats/mqtt-v1.md).

Guarantees: `encode` gives at most 256 KiB of UTF-8 JSON whose envelope fields no body can overwrite;
`decode` gives back every field it was given, known or not, or raises `Refuse` with code
`mqtt.bad-message`. Pure: no clock, no randomness, no sockets. Leaves out who counts `seq` (the outbox).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, NoReturn

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agent.model.errors import Refuse
from agent.model.ids import BOX_PATTERN, CHANNEL_PATTERN
from agent.model.outgoing import Json, Outgoing
from agent.model.times import Instant, rfc3339

VERSION = 1
MAX_BYTES = 256 * 1024
REBIRTH_TOPIC = "edgeward/v1/ctl/rebirth"
MAX_REBIRTH_WINDOW_S = 600
CLEAR_PROPERTY = "edgeward-envelope"
"""Name of the MQTT user property that carries the envelope when the payload is empty (a clear)."""

_MAX_REBIRTH_BYTES = 1024
_BOX = re.compile(BOX_PATTERN)
_ENTITY = re.compile(rf"^_$|{CHANNEL_PATTERN}")
_TYPE = re.compile(r"^[a-z][a-z0-9_-]{0,47}$")
_ANSWER = re.compile(r"^[a-z]{1,24}(\.[a-z]{1,24})?/[0-9a-f-]{36}$")
_RUN = re.compile(r"^(last|[0-9a-f-]{36})$")
_KINDS = frozenset({"status", "birth", "twin", "state", "m", "a", "e", "ckpt", "res", "check", "report"})
_RESERVED = frozenset({"v", "box", "boot", "session", "seq", "ts", "mono_ms", "clk", "replaces"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """What every message carries. `seq` is None only in the will, which the broker sends for us."""

    box: str
    boot: str
    session: int
    seq: int | None
    at: Instant
    replaces: tuple[int, ...] = ()


class _EnvelopeIn(BaseModel):
    """The envelope as it arrives: strict types, unknown fields left alone."""

    model_config = ConfigDict(strict=True, extra="allow", frozen=True)

    v: Literal[1]
    box: Annotated[str, Field(pattern=BOX_PATTERN)]
    boot: Annotated[str, Field(min_length=1, max_length=64)]
    session: Annotated[int, Field(ge=0, lt=1 << 63)]
    seq: Annotated[int, Field(ge=1, lt=1 << 63)] | None
    ts: Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$")]
    mono_ms: Annotated[int, Field(ge=0, lt=1 << 63)]
    clk: Literal["synced", "unsynced", "unknown"]
    replaces: list[Annotated[int, Field(ge=1, lt=1 << 63)]] = []


class _RebirthIn(BaseModel):
    """The controller's wish as it arrives."""

    model_config = ConfigDict(strict=True, extra="allow", frozen=True)

    v: Literal[1]
    window_s: Annotated[int, Field(ge=0, le=MAX_REBIRTH_WINDOW_S)]


def topic(box: str, message: Outgoing) -> str:
    """The topic of `message`. ValueError when a part is spelled wrongly: that is our own mistake."""
    return topic_of(box, message.entity, message.kind, message.type)


def topic_of(box: str, entity: str, kind: str, type_: str) -> str:
    """`edgeward/v1/{box}/{entity}/{kind}/{type}` from its parts, checked."""
    pattern = {"res": _ANSWER, "check": _RUN}.get(kind, _TYPE)
    parts_right = _BOX.match(box) and _ENTITY.match(entity) and kind in _KINDS and pattern.match(type_)
    if not parts_right:
        raise ValueError(f"not a topic of this contract: {box!r} {entity!r} {kind!r} {type_!r}")
    return f"edgeward/v1/{box}/{entity}/{kind}/{type_}"


def commands_filter(box: str) -> str:
    """The topics of commands to `box` (docs/formats/commands-v1.md)."""
    return f"edgeward/v1/{box}/_/cmd/+/+"


def encode(message: Outgoing, envelope: Envelope) -> bytes:
    """One message as bytes; a message without a body gives the envelope alone.

    Raises `Refuse`: `mqtt.unencodable` (not JSON, or a body field named like one of the envelope),
    `mqtt.too-big` (over `MAX_BYTES`).
    """
    body = message.body or {}
    if clash := _RESERVED.intersection(body):
        raise Refuse("mqtt.unencodable", f"body uses reserved names {sorted(clash)}", "Rename the fields.")
    try:
        data = json.dumps(
            {**_fields(envelope), **body}, allow_nan=False, ensure_ascii=False, separators=(",", ":")
        ).encode()
    except (ValueError, TypeError, RecursionError) as error:
        text = f"{message.kind}/{message.type} is not plain JSON: {error}"
        raise Refuse("mqtt.unencodable", text, "Report this as a defect.") from error
    if len(data) > MAX_BYTES:
        text = f"{message.kind}/{message.type} has {len(data)} bytes, allowed are {MAX_BYTES}"
        raise Refuse("mqtt.too-big", text, "Send less: pictures and files never go over MQTT.")
    return data


def encode_will(envelope: Envelope) -> bytes:
    """What the broker says for us when we vanish: offline, cause lost, `seq` null.

    ValueError when `envelope.seq` is not None.
    """
    if envelope.seq is not None:
        raise ValueError("a will has no sequence number: it may never be sent")
    fields: dict[str, Json] = {**_fields(envelope), "status": "offline", "cause": "lost"}
    return json.dumps(fields, separators=(",", ":")).encode()


def decode(data: bytes) -> dict[str, Any]:
    """A message's fields, unknown ones included. Raises `Refuse` with code `mqtt.bad-message`."""
    if len(data) > MAX_BYTES:
        _bad(f"{len(data)} bytes, allowed are {MAX_BYTES}")
    try:
        value = json.loads(data.decode("utf-8"), parse_constant=_no_constant, object_pairs_hook=_no_twins)
    except (ValueError, RecursionError) as error:
        _bad(f"not JSON in UTF-8 ({type(error).__name__})")
    if not isinstance(value, dict):
        _bad("not an object")
    try:
        _EnvelopeIn.model_validate(value)
    except ValidationError as error:
        names = ", ".join(sorted({".".join(map(str, each["loc"])) for each in error.errors()}))
        _bad(f"wrong envelope: {names}")
    return value


def decode_rebirth(data: bytes) -> int:
    """The window, in seconds, of the controller's wish that all boxes give birth again.

    Raises `Refuse` with code `rebirth.bad`. Fields that are not known are ignored.
    """
    bad = Refuse(
        "rebirth.bad",
        "a wish for births that is not as the contract says",
        "see docs/formats/mqtt-v1.md, From the controller to all boxes",
    )
    if len(data) > _MAX_REBIRTH_BYTES:
        raise bad
    try:
        found = _RebirthIn.model_validate_json(data)
    except ValidationError:
        raise bad from None
    return found.window_s


def _fields(envelope: Envelope) -> dict[str, Json]:
    fields: dict[str, Json] = {
        "v": VERSION,
        "box": envelope.box,
        "boot": envelope.boot,
        "session": envelope.session,
        "seq": envelope.seq,
        "ts": rfc3339(envelope.at.wall_ns),
        "mono_ms": envelope.at.mono_ns // 1_000_000,
        "clk": envelope.at.quality.value,
    }
    if envelope.replaces:
        fields["replaces"] = list(envelope.replaces)
    return fields


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _no_twins(pairs: list[tuple[str, Any]]) -> Mapping[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name occurs twice in one object")
    return found


def _bad(text: str) -> NoReturn:
    raise Refuse("mqtt.bad-message", f"MQTT message refused: {text}", "Look at who sent it.")
