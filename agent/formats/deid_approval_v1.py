"""Approvals of de-identification policies, version 1 (docs/formats/deid-policy-v1.md, Signed approval). Pure.

Guarantees: one approval has exactly one text, and `decode` refuses every other one with
`deid.bad-approval`. Leaves out signatures and who may approve (`agent/runtime/deid_approval.py`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

import rfc8785

from agent.formats.command_v1 import OPERATOR_PATTERN
from agent.model.errors import Refuse
from agent.model.outgoing import Json

TAG = "edgeward.deid-approval/v1"
MAX_NOTE = 16 * 1024
_FIELDS = {"v", "policy", "version", "sha256", "by"}
_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_OPERATOR = re.compile(OPERATOR_PATTERN)
_MOST_VERSIONS = 999_999


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """What is signed: the policy by its id, version and the SHA-256 of its file, and who approves first."""

    policy: str
    version: int
    sha256: str
    by: str


def encode(approval: Approval) -> str:
    """The text of the note; Refuse `deid.bad-approval` for what `decode` would refuse."""
    document: dict[str, Json] = {
        "v": 1,
        "policy": approval.policy,
        "version": approval.version,
        "sha256": approval.sha256,
        "by": approval.by,
    }
    text = f"{TAG}\n{rfc8785.dumps(document).decode('utf-8')}\n"
    decode(text)
    return text


def decode(text: str) -> Approval:
    """The approval that `text` spells."""
    lines = text.split("\n")
    if len(lines) != 3 or lines[0] != TAG or lines[2]:
        raise _bad("the text is not its tag and one line")
    try:
        document = json.loads(lines[1])
        canonical = rfc8785.dumps(document).decode("utf-8")
    except (ValueError, RecursionError, rfc8785.CanonicalizationError):
        raise _bad("not JSON") from None
    if not isinstance(document, dict) or canonical != lines[1] or set(document) != _FIELDS:
        raise _bad("not the RFC 8785 spelling of its fields")
    version = document["version"]
    if document["v"] != 1 or isinstance(document["v"], bool):
        raise _bad("another version")
    if not isinstance(version, int) or isinstance(version, bool) or not 1 <= version <= _MOST_VERSIONS:
        raise _bad("field version")
    return Approval(
        policy=_match(document, "policy", _SLUG),
        version=version,
        sha256=_match(document, "sha256", _SHA256),
        by=_match(document, "by", _OPERATOR),
    )


def _match(document: Mapping[str, Json], name: str, pattern: re.Pattern[str]) -> str:
    value = document[name]
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise _bad(f"field {name}")
    return value


def _bad(why: str) -> Refuse:
    return Refuse(
        "deid.bad-approval",
        f"not the approval of a policy: {why}",
        "make it with: edgeward deid-approve POLICY -k KEY -o FILE",
    )
