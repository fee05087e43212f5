"""Approvals of de-identification policies, version 1 (docs/formats/deid-policy-v1.md, Signed approval). Pure.

Guarantees: one approval has exactly one text, and `decode` refuses every other one with
`deid.bad-approval`. Leaves out signatures and who may approve (`agent/runtime/deid_approval.py`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from agent.formats import tagged_line
from agent.formats.command_v1 import OPERATOR_PATTERN
from agent.model.errors import Refuse
from agent.model.outgoing import Json

TAG = "edgeward.deid-approval/v1"
MAX_NOTE = 16 * 1024
_FIELDS = {"policy", "version", "sha256", "by"}
_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
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
    fields: dict[str, Json] = {
        "policy": approval.policy,
        "version": approval.version,
        "sha256": approval.sha256,
        "by": approval.by,
    }
    text = tagged_line.write(TAG, fields).decode("utf-8")
    decode(text)
    return text


def decode(text: str) -> Approval:
    """The approval that `text` spells."""
    # What is no UTF-8 is refused there, and not an error here.
    fields = tagged_line.read(text.encode("utf-8", "surrogatepass"), TAG, _FIELDS, _bad)
    version = fields["version"]
    if not isinstance(version, int) or isinstance(version, bool) or not 1 <= version <= _MOST_VERSIONS:
        raise _bad("field version")
    return Approval(
        policy=tagged_line.match(fields, "policy", _SLUG, _bad),
        version=version,
        sha256=tagged_line.match(fields, "sha256", tagged_line.SHA256, _bad),
        by=tagged_line.match(fields, "by", _OPERATOR, _bad),
    )


def _bad(why: str) -> Refuse:
    return Refuse(
        "deid.bad-approval",
        f"not the approval of a policy: {why}",
        "make it with: edgeward deid-approve POLICY -k KEY -o FILE",
    )
