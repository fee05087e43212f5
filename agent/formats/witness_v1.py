"""What box and witness say to each other, and the witness's state file (docs/formats/witness-v1.md). Pure.

Guarantees: strict parsing, `Refuse` `witness.bad-message` for every other bytes; sizes and paths have the
limits of c2sp.org/tlog-witness. Leaves out every signature: trust nothing here before it is checked.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agent.formats import mqtt_v1
from agent.formats.ledger_v1 import HASH
from agent.formats.signed_note import strict_base64
from agent.model.errors import Refuse
from agent.model.outgoing import Json
from agent.model.times import from_rfc3339, rfc3339

HEADS = "edgeward/v1/+/_/ckpt/head"
MAX_PATH = 63
MAX_PROOFS = 8
_MAX_SIZE = (1 << 63) - 1
Size = Annotated[int, Field(ge=0, le=_MAX_SIZE)]
Paths = Mapping[int, Sequence[bytes]]
"""Consistency paths by the size that they begin at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """When and as which message the box published a checkpoint, as the box says."""

    seq: int
    wall_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadMessage:
    """A checkpoint as it came over MQTT, not checked yet."""

    box: str
    note: bytes
    paths: Paths
    sent: Sent


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a witness says: a cosigned note, or a code and the size of the head that it has (None: none)."""

    witness: str
    note: bytes | None = None
    code: str | None = None
    size: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped:
    """Why a witness cosigns a log no more, with the note and paths that showed it."""

    code: str
    text: str
    at_wall_ns: int
    note: str
    paths: Paths


@dataclass(frozen=True, slots=True, kw_only=True)
class LogState:
    """What a witness knows of one log. `note` is the newest note that it cosigned, None before the first."""

    note: bytes | None = None
    sent: Sent | None = None
    stopped: Stopped | None = None


class _Model(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class _Path(_Model):
    size: Size
    path: Annotated[list[str], Field(max_length=MAX_PATH)]


class _HeadIn(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)

    note: str
    consistency: Annotated[list[_Path], Field(max_length=MAX_PROOFS)] = []


class _AnswerIn(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)

    v: Literal[1]
    witness: Annotated[str, Field(min_length=1, max_length=200)]
    note: str | None = None
    code: Annotated[str, Field(pattern=r"^[a-z]+(\.[a-z0-9-]+)+$")] | None = None
    size: Size | None = None


class _StoppedIn(_Model):
    code: str
    text: str
    at: str
    note: str
    consistency: list[_Path]


class _StateIn(_Model):
    v: Literal[1]
    origin: str
    note: str | None
    seq: Size | None
    ts: str | None
    stopped: _StoppedIn | None


def _bad(text: str) -> Refuse:
    return Refuse("witness.bad-message", f"not as witness-v1.md says: {text}", "look at who wrote it")


def _names(error: ValidationError) -> str:
    return ", ".join(sorted({".".join(map(str, each["loc"])) for each in error.errors()}))


def paths_json(paths: Paths) -> list[Json]:
    """Consistency paths as the field `consistency` of a message."""
    return [
        {"size": size, "path": [b64encode(step).decode("ascii") for step in path]}
        for size, path in sorted(paths.items())
    ]


def _paths(found: Sequence[_Path]) -> dict[int, list[bytes]]:
    paths: dict[int, list[bytes]] = {}
    for one in found:
        try:
            paths[one.size] = [strict_base64(step) for step in one.path]
        except ValueError as error:
            raise _bad("a step of a path is not base64") from error
        if any(len(step) != HASH for step in paths[one.size]):
            raise _bad("a step of a path is not a SHA-256 hash")
    return paths


def box_of(topic: str) -> str:
    """The box whose checkpoint comes on `topic`; Refuse `witness.bad-message`."""
    parts = topic.split("/")
    if len(parts) != 6 or mqtt_v1.topic_of(parts[2], "_", "ckpt", "head") != topic:
        raise _bad("not the topic of a checkpoint")
    return parts[2]


def cosign_topic(box: str) -> str:
    """Where the witnesses of `box` answer; ValueError for what can't be a box."""
    return mqtt_v1.topic_of(box, "_", "ckpt", "head").removesuffix("ckpt/head") + "cosign/head"


def decode_head(topic: str, payload: bytes) -> HeadMessage:
    """The checkpoint in a message of a box; Refuse `witness.bad-message` or `mqtt.bad-message`."""
    fields = mqtt_v1.decode(payload)
    try:
        box = box_of(topic)
        body = _HeadIn.model_validate(fields)
    except ValidationError as error:
        raise _bad(_names(error)) from error
    except ValueError as error:
        raise _bad("the topic") from error
    if fields["box"] != box or fields["seq"] is None:
        raise _bad("another box than its topic says, or a message without a number")
    sent = Sent(seq=int(fields["seq"]), wall_ns=_wall(str(fields["ts"])))
    return HeadMessage(box=box, note=body.note.encode(), paths=_paths(body.consistency), sent=sent)


def _wall(text: str) -> int:
    try:
        return from_rfc3339(text)
    except ValueError as error:
        raise _bad("a time") from error


def encode_answer(answer: Answer) -> bytes:
    """The payload on `cosign_topic`."""
    fields: dict[str, Json] = {
        "v": 1,
        "witness": answer.witness,
        "note": None if answer.note is None else answer.note.decode(),
        "code": answer.code,
        "size": answer.size,
    }
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()


def decode_answer(payload: bytes) -> Answer:
    """What a witness said; Refuse `witness.bad-message`."""
    try:
        found = _AnswerIn.model_validate(_object(payload))
    except ValidationError as error:
        raise _bad(_names(error)) from error
    if (found.note is None) == (found.code is None):
        raise _bad("either a note or a code")
    note = None if found.note is None else found.note.encode()
    return Answer(witness=found.witness, note=note, code=found.code, size=found.size)


def _object(data: bytes) -> Any:
    if len(data) > mqtt_v1.MAX_BYTES:
        raise _bad("too long")
    try:
        return json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise _bad("not JSON in UTF-8") from error


def encode_state(origin: str, state: LogState) -> bytes:
    """The state file of one log."""
    stopped = state.stopped
    fields: dict[str, Json] = {
        "v": 1,
        "origin": origin,
        "note": None if state.note is None else state.note.decode(),
        "seq": None if state.sent is None else state.sent.seq,
        "ts": None if state.sent is None else rfc3339(state.sent.wall_ns),
        "stopped": None
        if stopped is None
        else {
            "code": stopped.code,
            "text": stopped.text,
            "at": rfc3339(stopped.at_wall_ns),
            "note": stopped.note,
            "consistency": paths_json(stopped.paths),
        },
    }
    return json.dumps(fields, ensure_ascii=False, indent=1).encode() + b"\n"


def decode_state(origin: str, data: bytes) -> LogState:
    """The state in a state file; Refuse `witness.bad-message` when it is damaged or of another log."""
    try:
        found = _StateIn.model_validate(_object(data))
    except ValidationError as error:
        raise _bad(_names(error)) from error
    if found.origin != origin or len({found.note is None, found.seq is None, found.ts is None}) != 1:
        raise _bad("the state of another log, or half a head")
    stopped = found.stopped
    return LogState(
        note=None if found.note is None else found.note.encode(),
        sent=None if found.seq is None or found.ts is None else Sent(seq=found.seq, wall_ns=_wall(found.ts)),
        stopped=None
        if stopped is None
        else Stopped(
            code=stopped.code,
            text=stopped.text,
            at_wall_ns=_wall(stopped.at),
            note=stopped.note,
            paths=_paths(stopped.consistency),
        ),
    )
