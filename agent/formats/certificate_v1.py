"""Challenge and certificate of a destruction, version 1 (docs/formats/destruction-v1.md), to and from text.

Guarantees: each has exactly one spelling, a line that says what it is and one line of RFC 8785 JSON, so that
a signature under one of them is good for nothing else; `decode_*` refuses every other text with
`certificate.bad`. Leaves out signatures, hashes and whether what stands there is true
(`runtime/disposal_check.py`).
"""

from __future__ import annotations

import hashlib
import json
from enum import StrEnum
from typing import Annotated, Literal, NoReturn, TypeVar

import rfc8785
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agent.formats.ledger_v1 import MAX_LEAF
from agent.model.errors import Refuse

CHALLENGE_TAG = "edgeward.challenge/v1"
CERTIFICATE_TAG = "edgeward.destruction/v1"
# Go's note package, the first reader of this format, refuses more.
MAX_CERTIFICATE = 1_000_000
MAX_AUTHORITY_NOTES = 400_000

_Hash = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
_Id = Annotated[str, Field(pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$")]
_Wall = Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$")]
_Count = Annotated[int, Field(ge=0, le=(1 << 53) - 1)]
_Level = Annotated[int, Field(ge=1, le=5)]
_Word = Annotated[str, Field(min_length=1, max_length=200)]
_Ground = Literal["retention", "court-or-ethics"]


class Method(StrEnum):
    """NIST SP 800-88, as far as this program can bring about."""

    PURGE = "purge"  # cryptographic erase: the ticket is destroyed at the authority
    CLEAR = "clear"  # files of this box removed; nothing else


class After(StrEnum):
    """Who can still read it."""

    NOBODY = "nobody"
    CUSTODIANS_WITH_COPIES = "custodians-with-copies"


class Limit(StrEnum):
    """What the certificate does not claim. The texts stand in `certificate_html.py` and in the document."""

    MEDIUM_NOT_SANITIZED = "medium-not-sanitized"
    FLASH_KEEPS_CELLS = "flash-keeps-cells"
    NO_DISCARD = "no-discard"
    MEDIUM_UNKNOWN = "medium-unknown"
    EPOCH_KEY = "epoch-key"
    GIVEN_OUT_BEFORE = "given-out-before"
    COPIES_READABLE = "copies-readable"
    NO_REPLICAS_KNOWN = "no-replicas-known"
    ABSENCE_ONLY = "absence-only"
    LEDGER_KEPT = "ledger-kept"
    CLOCK_NOT_SYNCED = "clock-not-synced"


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class ChallengedRecording(_Model):
    """What an approver agrees to lose."""

    recording: _Id
    level: _Level
    segments: _Count
    size_bytes: _Count
    root: _Hash
    ticket: _Id | None


class Challenge(_Model):
    """What the box asks its approvers. Its SHA-256 is in every approval."""

    v: Literal[1] = 1
    request: _Id
    box: _Word
    requested_by: list[_Word] = Field(min_length=1)
    reason: _Word
    ground: _Ground
    without_ticket: bool
    approvals_needed: Annotated[int, Field(ge=2, le=3)]
    expires: _Wall
    ledger_size: _Count
    ledger_root: _Hash
    recordings: list[ChallengedRecording] = Field(min_length=1)


class CertifiedRecording(ChallengedRecording):
    """One recording that is gone."""

    channel: _Word
    opened: _Wall
    closed: _Wall
    opened_leaf: _Count
    closed_leaf: _Count
    method: Method = Field(strict=False)


class Medium(_Model):
    """What the recordings lay on; null is unknown."""

    maker: str | None
    model: str | None
    serial: str | None
    kind: Literal["flash", "magnetic", "virtual", "memory"] | None
    removable: bool | None
    file_system: str | None
    discards_on_unlink: bool | None


class Discard(_Model):
    """Whether the file system confirmed that freed blocks were discarded, and what it said."""

    done: bool
    text: str


class Sanitization(_Model):
    """What was done. `method` is the weakest of the recordings' methods."""

    method: Method = Field(strict=False)
    technique: Literal["cryptographic-erase-and-unlink", "unlink"]
    tool: _Word
    version: _Word
    discard: Discard
    verification: Literal["files-absent"]
    verified_recordings: _Count


class Confidentiality(_Model):
    """Highest level before (STD 5.3), and who can still read it after."""

    before: _Level
    after: After = Field(strict=False)


class Approval(_Model):
    """One person's agreement, and the leaf that holds it."""

    name: _Word
    at: _Wall
    leaf: _Count


class People(_Model):
    """Operators' names as configured; `title` and `place` as given, null when not."""

    requested_by: list[_Word] = Field(min_length=1)
    approved_by: list[Approval] = Field(min_length=2)
    executed_by: list[_Word] = Field(min_length=1)
    title: str | None
    place: str | None


class AuthorityRecord(_Model):
    """A note of the key authority, whole, so that nobody has to ask for it."""

    authority: _Word
    sha256: _Hash
    note: str


class Copies(_Model):
    """What the box knows of copies elsewhere."""

    replication: Literal["not-built"]
    known: list[str]


class ProvenLeaf(_Model):
    """A ledger leaf with its RFC 9162 path to the root of `ledger.checkpoint`."""

    index: _Count
    leaf: Annotated[str, Field(min_length=1, max_length=MAX_LEAF)]
    path: list[_Hash]


class LedgerProof(_Model):
    """The box's signed checkpoint, and the leaves of this destruction below it."""

    checkpoint: str
    size: _Count
    root: _Hash
    requested: _Count
    approved: list[_Count]
    intent: _Count
    result: _Count
    leaves: list[ProvenLeaf]


class Certificate(_Model):
    """That these recordings are destroyed."""

    v: Literal[1] = 1
    certificate: _Id
    box: _Word
    made: _Wall
    clock: Literal["synced", "unsynced", "unknown"]
    reason: _Word
    ground: _Ground
    medium: Medium
    confidentiality: Confidentiality
    sanitization: Sanitization
    recordings: list[CertifiedRecording] = Field(min_length=1)
    people: People
    authority: list[AuthorityRecord]
    copies: Copies
    ledger: LedgerProof
    limits: list[Annotated[Limit, Field(strict=False)]]


_M = TypeVar("_M", Challenge, Certificate)


def encode_challenge(challenge: Challenge) -> str:
    """What approvers agree to."""
    return _encode(CHALLENGE_TAG, challenge)


def challenge_sha256(text: str) -> str:
    """What an approval carries, in hex."""
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def decode_challenge(text: str) -> Challenge:
    """Refuse `certificate.bad`."""
    return _decode(CHALLENGE_TAG, Challenge, text)


def encode_certificate(certificate: Certificate) -> str:
    """What is signed."""
    return _encode(CERTIFICATE_TAG, certificate)


def decode_certificate(text: str) -> Certificate:
    """Refuse `certificate.bad`. The caller has verified the signature."""
    return _decode(CERTIFICATE_TAG, Certificate, text)


def _encode(tag: str, value: BaseModel) -> str:
    return f"{tag}\n{rfc8785.dumps(value.model_dump(mode='json')).decode('utf-8')}\n"


def _decode(tag: str, model: type[_M], text: str) -> _M:
    first, _, rest = text.partition("\n")
    if first != tag:
        raise _bad(f"its first line is not {tag}")
    try:
        document = json.loads(rest, parse_float=_no_float, parse_constant=_no_float)
        found = model.model_validate(document)
    except ValidationError as error:
        place = ".".join(str(part) for part in error.errors(include_input=False)[0]["loc"])
        raise _bad(f"field {place or 'v'}") from None
    except (ValueError, RecursionError):
        raise _bad("not JSON") from None
    if _encode(tag, found) != text:
        raise _bad("not the RFC 8785 spelling")
    return found


def _no_float(_text: str) -> NoReturn:
    raise _bad("it has a float")


def _bad(why: str) -> Refuse:
    return Refuse(
        "certificate.bad", f"not a text of destruction version 1: {why}", "see docs/formats/destruction-v1.md"
    )
