"""Checkpoints (c2sp.org/tlog-checkpoint): origin, size and root of a log, as the text of a signed note.

Guarantees: one checkpoint has one text; `verified` gives only what the given key signed for the given
origin. Leaves out extension lines (refused: nobody could audit them) and consistency, which the caller
must check against the log.
"""

from __future__ import annotations

import re
from base64 import b64encode
from dataclasses import dataclass

from agent.formats import signed_note
from agent.formats.ledger_v1 import HASH
from agent.ledger.signing import SigningKey, Verifier
from agent.model.errors import Refuse

_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """The head of a log at one size."""

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        """What is signed."""
        return f"{self.origin}\n{self.size}\n{b64encode(self.root).decode('ascii')}\n"


def parse(text: str) -> Checkpoint:
    """The checkpoint that a note's text spells; Refuse `checkpoint.bad`."""
    lines = text.split("\n")
    advice = "get the checkpoint again from the box or from the witness"
    if len(lines) != 4 or not lines[0] or not _SIZE.fullmatch(lines[1]) or lines[3]:
        raise Refuse("checkpoint.bad", "not the three lines of a checkpoint", advice)
    try:
        root = signed_note.strict_base64(lines[2])
    except ValueError as error:
        raise Refuse("checkpoint.bad", "the root is not base64", advice) from error
    if len(root) != HASH:
        raise Refuse("checkpoint.bad", "the root is not a SHA-256 hash", advice)
    return Checkpoint(origin=lines[0], size=int(lines[1]), root=root)


def sign(checkpoint: Checkpoint, key: SigningKey) -> bytes:
    """The signed note. The caller must never sign two checkpoints that are not consistent."""
    return key.sign_note(checkpoint.text())


def verified(note: bytes, verifier: Verifier, origin: str) -> Checkpoint:
    """The checkpoint in `note`; Refuse `note.*` or `checkpoint.*` when it is not this log's and signed."""
    found = parse(verifier.verify(note).text)
    if found.origin != origin:
        raise Refuse(
            "checkpoint.other-log",
            f"this checkpoint belongs to {found.origin}, not to {origin}",
            "use the checkpoint of this box",
        )
    return found
