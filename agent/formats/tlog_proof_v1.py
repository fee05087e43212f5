"""C2SP tlog-proof (c2sp.org/tlog-proof): a leaf's place, its path and a checkpoint, as one text. Pure.

Guarantees: `decode` reads what `encode` wrote and refuses everything else with `proof.bad`. Leaves out
hashing and signatures, which the reader must check, and the optional extra line.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass

from agent.formats.signed_note import strict_base64
from agent.model.errors import Refuse

_TAG = "c2sp.org/tlog-proof@v1"
_INDEX = re.compile(r"index (0|[1-9][0-9]{0,18})")
_MAX_PATH = 63
_HASH = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """`path` as of RFC 9162 section 2.1.3.1 in the tree of the checkpoint `note`."""

    index: int
    path: tuple[bytes, ...]
    note: bytes


def encode(index: int, path: Sequence[bytes], note: bytes) -> str:
    """The text of a proof."""
    lines = [_TAG, f"index {index}", *(b64encode(one).decode("ascii") for one in path)]
    return "\n".join(lines) + "\n\n" + note.decode("utf-8")


def decode(text: str) -> Proof:
    """The proof in `text`; nothing of it is verified yet."""
    bad = Refuse("proof.bad", "not a tlog-proof of version 1", "ask the box again")
    head, blank, note = text.partition("\n\n")
    tag, *rest = head.split("\n")
    found = _INDEX.fullmatch(rest[0]) if rest else None
    if tag != _TAG or found is None or not blank or len(rest) > 1 + _MAX_PATH:
        raise bad
    try:
        path = tuple(strict_base64(line) for line in rest[1:])
    except ValueError:
        raise bad from None
    if any(len(one) != _HASH for one in path):
        raise bad
    return Proof(index=int(found[1]), path=path, note=note.encode("utf-8"))
