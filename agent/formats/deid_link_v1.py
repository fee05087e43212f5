"""The way from a derivative back to its original, version 1 (docs/formats/deid-report-v1.md, Link). Pure.

Guarantees: one record has exactly one spelling, and `decode` refuses every other one with `deid.bad-link`.
Leaves out sealing (`agent/runtime/deid_link.py`): in clear it exists in memory only.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import rfc8785

from agent.formats import tagged_line
from agent.model.errors import Refuse
from agent.model.outgoing import Json

TAG = "edgeward.deid-link/v1"
MAX_LINK = 16 * 1024
_FIELDS = {"derivative", "output_sha256", "source_sha256", "subject"}
_UUID4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
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
    fields: dict[str, Json] = {
        "derivative": link.derivative,
        "output_sha256": link.output_sha256,
        "source_sha256": link.source_sha256,
        "subject": link.subject,
    }
    try:
        data = tagged_line.write(TAG, fields)
    except (rfc8785.CanonicalizationError, UnicodeEncodeError):
        raise _bad("field subject") from None
    decode(data)
    return data


def decode(data: bytes) -> Link:
    """The link that `data` spells."""
    if len(data) > MAX_LINK:
        raise _bad(f"more than {MAX_LINK} bytes")
    fields = tagged_line.read(data, TAG, _FIELDS, _bad)
    return Link(
        derivative=tagged_line.match(fields, "derivative", _UUID4, _bad),
        output_sha256=tagged_line.match(fields, "output_sha256", tagged_line.SHA256, _bad),
        source_sha256=tagged_line.match(fields, "source_sha256", tagged_line.SHA256, _bad),
        subject=tagged_line.match(fields, "subject", _SUBJECT, _bad),
    )


def _bad(why: str) -> Refuse:
    return Refuse("deid.bad-link", f"not the link of a derivative: {why}", "get the file again, whole")
