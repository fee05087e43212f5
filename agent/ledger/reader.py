"""Reads a log that another process may be writing, or a copy of one: leaves from any index, and proofs.

Guarantees: takes no lock and changes nothing; what it gives is of one moment. A writer that fills a bundle
in that moment makes the pieces contradict each other, so that they are read again. Leaves out checking the
log against itself (`check.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from agent.formats.ledger_v1 import BUNDLE, CHECKPOINT, Leaf, decode_leaf, split_entries
from agent.ledger import tree
from agent.ledger.tiles import Edge, Tiles, read_file
from agent.model.errors import Halt, Refuse

_TRIES = 5


class LogReader:
    """The log in a directory, as it was when `refresh` (or the constructor) looked."""

    def __init__(self, directory: Path) -> None:
        """Halt `ledger.damaged` when the files contradict each other; `disk.*`."""
        self._directory = directory
        self._tiles = Tiles(directory)
        self._edge = Edge(0)
        self._tail: list[bytes] = []
        self.refresh()

    @property
    def size(self) -> int:
        """Leaves, as of the last look."""
        return self._edge.size

    def refresh(self) -> None:
        """Looks again. Errors as of the constructor."""
        for left in reversed(range(_TRIES)):
            try:
                self._look()
                return
            except Halt as error:
                if error.code != "ledger.damaged" or not left:
                    raise

    def _look(self) -> None:
        tiles = Tiles(self._directory)
        bundles = tiles.bundle_count()
        edge = Edge.read(tiles, bundles)
        data = tiles.read_tail()
        entries = [] if tiles.is_left_over(bundles, data) else split_entries(data)[0]
        if entries and decode_leaf(entries[0]).n != bundles * BUNDLE:
            raise Halt("ledger.damaged", "the tail does not follow the bundles", "run edgeward verify")
        edge.hashes[0] = [tree.leaf_hash(entry) for entry in entries]
        self._tiles, self._edge, self._tail = tiles, edge, entries

    def entry(self, index: int) -> bytes:
        """The bytes of one leaf; Refuse `leaf.unknown`."""
        if not 0 <= index < self.size:
            raise Refuse("leaf.unknown", f"there is no leaf {index}", f"the log has {self.size} leaves")
        number, place = divmod(index, BUNDLE)
        return self._tail[place] if number == self._edge.bundles else self._tiles.bundle(number)[place]

    def leaves(self, start: int = 0) -> Iterator[Leaf]:
        """The leaves from `start`, one bundle at a time. Halt `ledger.damaged`; Refuse `leaf.bad`."""
        for number in range(start // BUNDLE, self._edge.bundles + 1):
            entries = self._tail if number == self._edge.bundles else self._tiles.bundle(number)
            for entry in entries[max(0, start - number * BUNDLE) :]:
                yield decode_leaf(entry)

    def checkpoint(self) -> bytes | None:
        """The newest checkpoint note, None when there is none."""
        return read_file(self._directory / CHECKPOINT)

    def root_at(self, size: int) -> bytes:
        """Root over the first `size` leaves; Refuse `leaf.unknown`."""
        if not 0 <= size <= self.size:
            raise Refuse("leaf.unknown", f"there is no size {size}", f"the log has {self.size} leaves")
        return tree.range_hash(0, size, self._edge.node(self._tiles))

    def inclusion_proof(self, index: int, size: int) -> list[bytes]:
        """RFC 9162 path of leaf `index` in the tree of the first `size` leaves; Refuse `leaf.unknown`."""
        if not 0 <= index < size <= self.size:
            text = f"there is no leaf {index} below size {size}"
            raise Refuse("leaf.unknown", text, f"the log has {self.size} leaves")
        return tree.inclusion_path(index, size, self._edge.node(self._tiles))
