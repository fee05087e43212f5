"""The manifest of a recording (docs/formats/vault-v1.md, Manifest): bytes to checked values.

Guarantees: `parse` takes only the RFC 8785 spelling of an object with the fields of version 1 and a line
feed; fields that it does not know are kept in `fields` and ignored. Leaves out keys (`agent/seal/`) and
whether the ledger says the same.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import rfc8785
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agent.model.errors import Refuse
from agent.model.outgoing import Json

MAX_BYTES = 256 * 1024
_STRICT = ConfigDict(strict=True, frozen=True, extra="ignore")
_Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
_Text = Annotated[str, Field(min_length=1)]
_Recipients = Annotated[list[_Text], Field(min_length=1)]


class ManifestSpec(BaseModel):
    """What was asked of the source. `rate` is a fraction as text, in Hz."""

    model_config = _STRICT

    width: Annotated[int, Field(gt=0)]
    height: Annotated[int, Field(gt=0)]
    rate: _Text
    codecs: list[_Text]


class Manifest(BaseModel):
    """The fields of version 1. Those with a default are absent in recordings of older versions."""

    model_config = _STRICT

    v: Literal[1]
    recording: _Text
    box: _Text
    channel: _Text
    opened: Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$")]
    suite: _Text
    recipient: _Text
    custodians: _Recipients
    threshold: Annotated[int, Field(ge=1)] = 1
    capsule_sha256: _Sha256
    ticket: str | None = None
    ticket_batch: str | None = None
    ticket_class: str | None = None
    emergency: bool | None = None
    spec: ManifestSpec
    category: _Text
    level: Annotated[int, Field(ge=1, le=5)]
    purpose: _Text
    lawful_basis: _Text
    scene: str | None = None
    place: list[str] | None = None
    responsible: str | None = None
    policy: str | None = None
    tracks: list[str] | None = None
    retention: dict[str, Any] | None = None
    retain_until: str | None = None


@dataclass(frozen=True, slots=True)
class ParsedManifest:
    """`manifest` are its checked values, `fields` all of its fields as they stand there."""

    manifest: Manifest
    fields: dict[str, Json]


def fields_of(data: bytes) -> dict[str, Json]:
    """The fields of any JSON object. Refuse `manifest.bad` for what is none, or longer than 256 KiB."""
    try:
        found = json.loads(data) if len(data) <= MAX_BYTES else None
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise _bad("it is no JSON object")
    return found


def parse(data: bytes) -> ParsedManifest:
    """Refuse `manifest.bad`; the text names fields, never their values."""
    fields = fields_of(data)
    try:
        canonical = rfc8785.dumps(fields) + b"\n"
    except (rfc8785.CanonicalizationError, UnicodeEncodeError):
        canonical = b""
    if canonical != data:
        raise _bad("it is not spelled as RFC 8785 says, with a line feed at its end")
    try:
        manifest = Manifest.model_validate_json(data)
    except ValidationError as error:
        names = sorted({".".join(str(part) for part in item["loc"]) for item in error.errors()})
        raise _bad(f"these fields are missing or wrong: {', '.join(names)}") from None
    if manifest.threshold > len(manifest.custodians):
        raise _bad("its threshold is higher than the number of its custodians")
    if len(set(manifest.custodians)) < len(manifest.custodians):
        raise _bad("it names a custodian twice")
    return ParsedManifest(manifest, fields)


def _bad(why: str) -> Refuse:
    return Refuse(
        "manifest.bad",
        f"the manifest is not one of version 1: {why}",
        "look for a copy of it; the opening leaf has its SHA-256",
    )
