"""The Merkle tree of RFC 9162 section 2.1 (SHA-256), over hashes that the caller holds.

Guarantees: roots, inclusion paths and consistency paths are exactly those of RFC 6962 and RFC 9162; a
verification answers True only when the path leads to the given root. Leaves out storage and signatures.
The caller gives `Node`, a function that returns the hash of a perfect subtree, and must check sizes that
come from outside before it asks for a path.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from typing import TypeAlias

EMPTY_ROOT = sha256(b"").digest()

Node: TypeAlias = Callable[[int, int], bytes]
"""`node(height, index)`: hash of the leaves from `index << height` up to `index + 1 << height`."""


def leaf_hash(entry: bytes) -> bytes:
    """Hash of one leaf's bytes."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash of an inner node."""
    return sha256(b"\x01" + left + right).digest()


class Frontier:
    """A tree as its right edge only: grows by one leaf or by one perfect subtree, knows its root."""

    __slots__ = ("_peaks", "size")

    def __init__(self, hashes: Iterable[bytes] = ()) -> None:
        self._peaks: list[tuple[int, bytes]] = []
        self.size = 0
        for digest in hashes:
            self.push(digest)

    def push(self, digest: bytes, height: int = 0) -> None:
        """Add a leaf hash, or the hash of a perfect subtree of `1 << height` leaves.

        A subtree must fit where it is put: the size so far is a multiple of its own size.
        """
        if self.size % (1 << height):
            raise ValueError("a subtree may only follow a multiple of its own size")
        self.size += 1 << height
        while self._peaks and self._peaks[-1][0] == height:
            digest = node_hash(self._peaks.pop()[1], digest)
            height += 1
        self._peaks.append((height, digest))

    def root(self) -> bytes:
        """The Merkle tree hash of everything pushed so far."""
        if not self._peaks:
            return EMPTY_ROOT
        digest = self._peaks[-1][1]
        for _, peak in reversed(self._peaks[:-1]):
            digest = node_hash(peak, digest)
        return digest


def root_of(hashes: Iterable[bytes]) -> bytes:
    """Root over leaf hashes (or over equally high subtrees)."""
    return Frontier(hashes).root()


def range_hash(start: int, end: int, node: Node) -> bytes:
    """Merkle tree hash of the leaves `start` to `end`, where `start` begins a subtree of that size."""
    if end - start == 0:
        return EMPTY_ROOT
    peaks: list[bytes] = []
    while start < end:
        height = (end - start).bit_length() - 1
        peaks.append(node(height, start >> height))
        start += 1 << height
    digest = peaks.pop()
    while peaks:
        digest = node_hash(peaks.pop(), digest)
    return digest


def _split(count: int) -> int:
    """The largest power of two below `count` (at least two)."""
    return 1 << (count - 1).bit_length() - 1


def inclusion_path(index: int, size: int, node: Node) -> list[bytes]:
    """RFC 9162 section 2.1.3.1: the path that proves leaf `index` in the tree of `size` leaves."""
    if not 0 <= index < size:
        raise ValueError("no such leaf in this tree")
    path: list[bytes] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            path.append(range_hash(middle, end, node))
            end = middle
        else:
            path.append(range_hash(start, middle, node))
            start = middle
    path.reverse()
    return path


def consistency_path(old: int, new: int, node: Node) -> list[bytes]:
    """RFC 9162 section 2.1.4.1: the path that proves that `old` leaves begin the tree of `new` leaves."""
    if not 0 < old <= new:
        raise ValueError("sizes must be above zero and must not shrink")
    path: list[bytes] = []
    start, end = 0, new
    whole = True  # True while the old tree begins at 0: then its root is known to the reader already
    while old < end:
        middle = start + _split(end - start)
        if old <= middle:
            path.append(range_hash(middle, end, node))
            end = middle
        else:
            path.append(range_hash(start, middle, node))
            start = middle
            whole = False
    if not whole:
        path.append(range_hash(start, end, node))
    path.reverse()
    return path


def verify_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> bool:
    """RFC 9162 section 2.1.3.2. `leaf` is the leaf's hash."""
    if not 0 <= index < size:
        return False
    place, last, digest = index, size - 1, leaf
    for step in path:
        if last == 0:
            return False
        if place & 1 or place == last:
            digest = node_hash(step, digest)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            digest = node_hash(digest, step)
        place, last = place >> 1, last >> 1
    return last == 0 and digest == root


def verify_consistency(old: int, new: int, old_root: bytes, new_root: bytes, path: Sequence[bytes]) -> bool:
    """RFC 9162 section 2.1.4.2. An empty old tree is consistent with every tree, by an empty path."""
    if not 0 <= old <= new:
        return False
    if old == 0:
        return not path and old_root == EMPTY_ROOT
    if old == new:
        return not path and old_root == new_root
    steps = [old_root, *path] if old & old - 1 == 0 else list(path)
    if not steps:
        return False
    place, last = old - 1, new - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    old_digest = new_digest = steps[0]
    for step in steps[1:]:
        if last == 0:
            return False
        if place & 1 or place == last:
            old_digest = node_hash(step, old_digest)
            new_digest = node_hash(step, new_digest)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            new_digest = node_hash(new_digest, step)
        place, last = place >> 1, last >> 1
    return last == 0 and old_digest == old_root and new_digest == new_root
