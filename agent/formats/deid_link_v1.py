"""The way from a derivative back to its original, version 1 (docs/formats/deid-report-v1.md, Link). Pure.

Guarantees: one record has exactly one spelling, and `decode` refuses every other one with `deid.bad-link`.
Leaves out sealing (`agent/runtime/deid_link.py`): in clear it exists in memory only.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

import rfc8785

from agent.model.errors import Refuse
from agent.model.outgoing import Json

TAG = "edgeward.deid-link/v1"
MAX_LINK = 16 * 1024
_FIELDS = {"v", "derivative", "output_sha256", "source_sha256", "subject"}
_UUID4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_SUBJECT = re.compile(r"\S(.{0,198}\S)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """`subject`: one patient's pseudonym, or the id of the recording, as the hospital knows it."""

    derivative: str
    output_sha256: str
    source_sha256: str
    subject: str


def encode(link: Link) -> bytes:
    """The record; Refuse `deid.bad-link` for what `decode` would refuse."""
    document: dict[str, Json] = {
        "v": 1,
        "derivative": link.derivative,
        "output_sha256": link.output_sha256,
        "source_sha256": link.source_sha256,
        "subject": link.subject,
    }
    try:
        data = f"{TAG}\n".encode() + rfc8785.dumps(document) + b"\n"
    except (rfc8785.CanonicalizationError, UnicodeEncodeError):
        raise _bad("field subject") from None
    decode(data)
    return data


def decode(data: bytes) -> Link:
    """The link that `data` spells."""
    if len(data) > MAX_LINK:
        raise _bad(f"more than {MAX_LINK} bytes")
    lines = data.split(b"\n")
    if len(lines) != 3 or lines[0] != TAG.encode() or lines[2]:
        raise _bad("not its tag and one line")
    try:
        document = json.loads(lines[1].decode("utf-8"))
        canonical = rfc8785.dumps(document)
    except (ValueError, RecursionError, rfc8785.CanonicalizationError):
        raise _bad("not JSON") from None
    if not isinstance(document, dict) or canonical != lines[1] or set(document) != _FIELDS:
        raise _bad("not the RFC 8785 spelling of its fields")
    if document["v"] != 1 or isinstance(document["v"], bool):
        raise _bad("another version")
    return Link(
        derivative=_match(document, "derivative", _UUID4),
        output_sha256=_match(document, "output_sha256", _SHA256),
        source_sha256=_match(document, "source_sha256", _SHA256),
        subject=_match(document, "subject", _SUBJECT),
    )


def _match(document: Mapping[str, Json], name: str, pattern: re.Pattern[str]) -> str:
    value = document[name]
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise _bad(f"field {name}")
    return value


def _bad(why: str) -> Refuse:
    return Refuse("deid.bad-link", f"not the link of a derivative: {why}", "get the file again, whole")
