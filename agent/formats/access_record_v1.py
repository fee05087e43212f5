"""Access records, version 1 (docs/formats/access-record-v1.md): who opened a recording, when, what for. Pure.

Guarantees: a record has exactly one spelling, at most 8 KiB; `decode` and `from_args` refuse everything else
with `access.bad` or `access.version`. Leaves out the signature, which the caller must verify first. The
caller must keep patient data out of `purpose`: a ledger can't forget it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Annotated, Literal, NoReturn

import rfc8785
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, field_validator

from agent.formats.command_v1 import KEY_PREFIX, OPERATOR_PATTERN
from agent.model.errors import Refuse
from agent.model.ids import BOX_PATTERN, is_recording_id, is_uuid7
from agent.model.outgoing import Json
from agent.model.times import from_rfc3339

VERSION = 1
TAG = "edgeward.access-record/v1\n"
MAX_RECORD = 8 * 1024
MAX_PURPOSE = 200
_COUNT = (1 << 53) - 1
_KEY = f"^{re.escape(KEY_PREFIX)}{OPERATOR_PATTERN.removeprefix('^')}"
_SHA256 = r"^[0-9a-f]{64}$"


def _time(text: str) -> str:
    from_rfc3339(text)
    return text


def _purpose(text: str) -> str:
    if not text.isprintable() or not text.strip():
        raise ValueError("printable text")
    return text


def _uuid(text: str) -> str:
    if not is_uuid7(text):
        raise ValueError("a version 7 UUID")
    return text


def _recording(text: str) -> str:
    if not is_recording_id(text):
        raise ValueError("a recording's id")
    return text


Time = Annotated[str, AfterValidator(_time)]
Count = Annotated[int, Field(ge=0, le=_COUNT)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Who(_Model):
    """`key` is the name of the key that signs this record, null in a ledger's leaf without one."""

    key: str | None = Field(pattern=_KEY)
    uid: Count
    user: str = Field(pattern=r"^[\x21-\x7e]{1,64}$")


class LedgerHead(_Model):
    """The ledger that the recording was compared with: a copied vault's, computed from its leaves."""

    size: Count
    root: str = Field(pattern=_SHA256)
    problems: Count


class Result(_Model):
    """How it ended. `error` is the code of what broke it off."""

    ended: Time
    frames: Count
    segments: Count
    truncated: Count
    parts: Count
    problems: Count
    error: str | None = Field(pattern=r"^[a-z]+(\.[a-z0-9-]+)+$")


class AccessRecord(_Model):
    """One opening. Without `result` it has begun, and nothing is known of its end."""

    v: Literal[1] = 1
    access: Annotated[str, AfterValidator(_uuid)]
    at: Time
    tool: str = Field(pattern=r"^edgeward [\x21-\x7e]{1,40}$")
    box: str | None = Field(pattern=BOX_PATTERN)
    recording: Annotated[str, AfterValidator(_recording)]
    capsule_sha256: str = Field(pattern=_SHA256)
    keys: tuple[Annotated[str, Field(pattern=r"^[0-9a-f]{12}$")], ...] = Field(
        strict=False, min_length=1, max_length=64
    )
    purpose: Annotated[str, AfterValidator(_purpose)] = Field(min_length=1, max_length=MAX_PURPOSE)
    who: Who
    ledger: LedgerHead | None
    result: Result | None

    @field_validator("keys")
    @classmethod
    def _in_order(cls, keys: tuple[str, ...]) -> tuple[str, ...]:
        if list(keys) != sorted(set(keys)):
            raise ValueError("in order, none twice")
        return keys


def encode(record: AccessRecord) -> str:
    """The text of the note."""
    return TAG + _canonical(record.model_dump(mode="json"))


def decode(text: str) -> AccessRecord:
    """The record that a note's text spells."""
    if len(text) > MAX_RECORD or not text.startswith(TAG):
        raise _bad("too long, or without its first line")
    body = text.removeprefix(TAG)
    try:
        document = json.loads(body, parse_float=_no_float, parse_constant=_no_float)
    except (ValueError, RecursionError):
        raise _bad("not JSON") from None
    if not isinstance(document, dict) or _canonical(document) != body:
        raise _bad("not the RFC 8785 spelling of an object and a line feed")
    return from_args(document)


def from_args(document: Mapping[str, Json]) -> AccessRecord:
    """The record in a JSON object, as the command `access.record` carries it."""
    version = document.get("v")
    if version != VERSION or isinstance(version, bool):
        raise Refuse("access.version", "an access record of another version", "update edgeward")
    try:
        record = AccessRecord.model_validate(dict(document))
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise _bad(f"field {where}") from None
    if len(encode(record)) > MAX_RECORD:
        raise _bad(f"more than {MAX_RECORD} bytes")
    return record


def bad_purpose(text: str) -> Refuse | None:
    """What is wrong with a purpose that a person gave; None for a good one."""
    if len(text) <= MAX_PURPOSE and text.isprintable() and text.strip():
        return None
    return Refuse(
        "access.bad-purpose",
        f"a purpose is 1 to {MAX_PURPOSE} printable characters",
        "say in a few words what it is opened for; no name, no number of a patient",
    )


def _canonical(document: Mapping[str, Json]) -> str:
    try:
        return rfc8785.dumps(dict(document)).decode("utf-8") + "\n"
    except (rfc8785.CanonicalizationError, UnicodeEncodeError, RecursionError):
        raise _bad("it has no RFC 8785 spelling") from None


def _no_float(_text: str) -> NoReturn:
    raise _bad("it has a float")


def _bad(why: str) -> Refuse:
    return Refuse("access.bad", f"not an access record: {why}", "get the file again, whole")
