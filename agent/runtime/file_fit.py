"""Whether a segment's file is the one that its leaf names.

Guarantees: a file with the leaf's size and SHA-256 fits. Of a segment that the disk cut short (`final` false,
with `synced_bytes` in the leaf) a file also fits that has lost its unsynced end in a power cut: it is not
longer than the leaf says, and it begins with the bytes that had been synced; when none had been, all that is
there must be zeros (docs/formats/vault-v1.md, Checking). Such a file may hold something else after those
bytes: its chunks are authenticated when it is opened, so only what was recorded comes out.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

from agent.formats.ledger_v1 import Leaf
from agent.host.files import translate
from agent.vault.store import prefix_sha256_of, sha256_of

_PIECE = 1 << 20


class Fit(StrEnum):
    """How a file fits its leaf."""

    WHOLE = "whole"
    UNSYNCED_END_LOST = "unsynced end lost"
    OTHER_SIZE = "other size"
    CHANGED = "changed"


def size_fit(path: Path, leaf: Leaf) -> Fit:
    """As far as the size alone tells. Raises what the disk says."""
    size_bytes, said = _size(path), leaf.body["size_bytes"]
    if size_bytes == said:
        return Fit.WHOLE
    prefix = _prefix(leaf)
    if prefix is not None and isinstance(said, int) and prefix[0] <= size_bytes < said:
        return Fit.UNSYNCED_END_LOST
    return Fit.OTHER_SIZE


def file_fit(path: Path, leaf: Leaf) -> Fit:
    """By size and content. Raises what the disk says."""
    by_size = size_fit(path, leaf)
    if by_size is Fit.OTHER_SIZE:
        return by_size
    if by_size is Fit.WHOLE and sha256_of(path) == leaf.body["sha256"]:
        return Fit.WHOLE
    return Fit.UNSYNCED_END_LOST if _begins_as_synced(path, leaf) else Fit.CHANGED


def _prefix(leaf: Leaf) -> tuple[int, str] | None:
    """Size and SHA-256 of what had been synced, when the leaf says that not all of it had."""
    body = leaf.body
    size_bytes, digest = body.get("synced_bytes"), body.get("synced_sha256")
    if body["final"] is not False or not isinstance(size_bytes, int) or not isinstance(digest, str):
        return None
    return size_bytes, digest


def _begins_as_synced(path: Path, leaf: Leaf) -> bool:
    prefix = _prefix(leaf)
    if prefix is None:
        return False
    size_bytes, digest = prefix
    if size_bytes == 0:
        return _only_zeros(path)
    return prefix_sha256_of(path, size_bytes) == digest


def _only_zeros(path: Path) -> bool:
    """Without a synced byte nothing ties the content to the leaf."""
    try:
        with path.open("rb") as stream:
            while piece := stream.read(_PIECE):
                if any(piece):
                    return False
    except OSError as error:
        raise translate(error, path, "reading") from None
    return True


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError as error:
        raise translate(error, path, "looking at") from None
