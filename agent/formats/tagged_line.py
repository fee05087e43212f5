"""A small signed or sealed record: its tag on one line, its fields as RFC 8785 JSON on the next. Pure.

Guarantees: one record has exactly one spelling; `read` refuses every other one with the error that its
caller makes. Leaves out what the fields mean.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Set
from typing import Any, TypeAlias

import rfc8785

from agent.model.errors import Refuse
from agent.model.outgoing import Json

Bad: TypeAlias = Callable[[str], Refuse]
SHA256 = re.compile(r"[0-9a-f]{64}")


def write(tag: str, fields: Mapping[str, Json]) -> bytes:
    """The record of version 1. Raises `rfc8785.CanonicalizationError`, `UnicodeEncodeError`."""
    return f"{tag}\n".encode() + rfc8785.dumps({"v": 1, **fields}) + b"\n"


def read(data: bytes, tag: str, names: Set[str], bad: Bad) -> dict[str, Any]:
    """The fields `names`, and no other. Raises what `bad` makes of the reason."""
    lines = data.split(b"\n")
    if len(lines) != 3 or lines[0] != tag.encode() or lines[2]:
        raise bad("not its tag and one line")
    try:
        document = json.loads(lines[1].decode("utf-8"))
        canonical = rfc8785.dumps(document)
    except (ValueError, RecursionError, rfc8785.CanonicalizationError):
        raise bad("not JSON") from None
    if not isinstance(document, dict) or canonical != lines[1] or set(document) != {"v", *names}:
        raise bad("not the RFC 8785 spelling of its fields")
    if document["v"] != 1 or isinstance(document["v"], bool):
        raise bad("another version")
    return document


def match(fields: Mapping[str, Any], name: str, pattern: re.Pattern[str], bad: Bad) -> str:
    """A text field that is whole of `pattern`."""
    value = fields[name]
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise bad(f"field {name}")
    return value
