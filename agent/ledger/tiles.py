"""The files of a log: entry bundles, hash tiles and the tail, read and written by number.

Guarantees: a tile that is returned has the right length; writes are atomic and durable. Leaves out what
the hashes say: the caller must compare them. Damage is Halt `ledger.damaged`.
"""

from __future__ import annotations

from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from agent.formats.ledger_v1 import BUNDLE, ENTRIES, HASH, TAIL, split_entries, tile_name, tile_number
from agent.host.files import make_directories, translate, write_atomic
from agent.ledger import tree
from agent.model.errors import Halt

_TILE_HEIGHT = 8
_VERIFY = "keep the directory as it is and run edgeward verify on a copy"


def damaged(text: str) -> Halt:
    """The error for files that contradict each other."""
    return Halt("ledger.damaged", text, _VERIFY)


def read_file(path: Path) -> bytes | None:
    """The bytes of `path`; None when there is no such file."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise translate(error, path, "reading") from error


class Tiles:
    """The files of one log directory. Nothing is kept in memory but a few tiles just read."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._cached = lru_cache(maxsize=16)(self._read_hashes)

    def _path(self, level: int | None, number: int, width: int | None = None) -> Path:
        return self.directory / tile_name(level, number, width)

    def _write(self, path: Path, data: bytes) -> None:
        make_directories(path.parent)
        write_atomic(path, data)

    def bundle_count(self) -> int:
        """How many full bundles there are, by asking for O(log n) names (they are numbered without holes)."""
        high = 1
        while self._path(None, high - 1).exists():
            high *= 2
        low = high // 2
        while low < high - 1:
            middle = (low + high) // 2
            if self._path(None, middle - 1).exists():
                low = middle
            else:
                high = middle
        return low

    def bundle_numbers(self) -> set[int]:
        """The numbers of all full bundles, by listing them (slow; for the checker)."""
        return self.numbers(ENTRIES)

    def numbers(self, folder: str) -> set[int]:
        """The numbers of all full tiles in `tile/<folder>`."""
        base = self.directory / "tile" / folder
        names = (path.relative_to(base).as_posix() for path in base.rglob("*") if path.is_file())
        return {number for name in names if (number := tile_number(name)) is not None}

    def read_bundle(self, number: int) -> bytes:
        """The bytes of a full bundle."""
        data = read_file(self._path(None, number))
        if data is None:
            raise damaged(f"entry bundle {number} is missing")
        return data

    def bundle(self, number: int) -> list[bytes]:
        """The 256 entries of a full bundle."""
        entries, rest = split_entries(self.read_bundle(number))
        if rest or len(entries) != BUNDLE:
            raise damaged(f"entry bundle {number} does not hold {BUNDLE} whole entries")
        return entries

    def read_tail(self) -> bytes:
        """The bytes of the growing bundle; empty when there is no file."""
        return read_file(self.directory / TAIL) or b""

    def is_left_over(self, bundles: int, tail: bytes) -> bool:
        """True when the tail is already the last full bundle: power went between the two writes."""
        if not tail or not bundles:
            return False
        path = self._path(None, bundles - 1)
        try:
            same_size = path.stat().st_size == len(tail)
        except OSError as error:
            raise translate(error, path, "reading") from error
        return same_size and self.read_bundle(bundles - 1) == tail

    def write_bundle(self, number: int, data: bytes) -> None:
        """Make a full bundle durable."""
        self._write(self._path(None, number), data)

    def write_tail(self, data: bytes) -> None:
        """Replace the growing bundle durably, so that what was read from it is surely on the disk too."""
        write_atomic(self.directory / TAIL, data)

    def hashes(self, level: int, number: int, width: int | None = None) -> list[bytes]:
        """The hashes of a full tile, or of a partial tile of `width`."""
        return self._cached(level, number, width)

    def _read_hashes(self, level: int, number: int, width: int | None) -> list[bytes]:
        data = read_file(self._path(level, number, width))
        if data is None or len(data) != HASH * (width or BUNDLE):
            raise damaged(f"hash tile {tile_name(level, number, width)} is missing or has a wrong length")
        return [data[i : i + HASH] for i in range(0, len(data), HASH)]

    def write_hashes(self, level: int, number: int, hashes: list[bytes]) -> None:
        """Make a tile durable; with fewer than 256 hashes it is a partial one."""
        width = None if len(hashes) == BUNDLE else len(hashes)
        self._write(self._path(level, number, width), b"".join(hashes))

    def drop_partial(self, level: int, number: int, keep: int | None) -> None:
        """Remove the partial tiles that a wider one replaced (`keep`), or all (None: the full tile is there).

        Not durable and not needed to be: a partial tile that comes back after a crash is never read.
        """
        folder = self._path(level, number, 1).parent
        with suppress(FileNotFoundError):
            for path in folder.iterdir():
                if path.name != str(keep):
                    path.unlink(missing_ok=True)
        if keep is None:
            with suppress(OSError):
                folder.rmdir()


class Edge:
    """The right edge of the tree: per level the hashes of the last tile, which is not full yet.

    `hashes[0]` are the leaf hashes of the tail. `push` says which level 0 tile became full, and `fill`
    carries it upwards.
    """

    def __init__(self, bundles: int) -> None:
        self.bundles = bundles
        self.hashes: list[list[bytes]] = [[]]

    @classmethod
    def read(cls, tiles: Tiles, bundles: int) -> Edge:
        """The edge after `bundles` full bundles: one file per level."""
        edge = cls(bundles)
        count, level = bundles, 1
        while count:
            number, width = divmod(count, BUNDLE)
            edge.hashes.append(list(tiles.hashes(level, number, width)) if width else [])
            count, level = number, level + 1
        return edge

    @property
    def size(self) -> int:
        """Leaves in the tree."""
        return self.bundles * BUNDLE + len(self.hashes[0])

    def root(self) -> bytes:
        """Root over all leaves."""
        frontier = tree.Frontier()
        for level in reversed(range(len(self.hashes))):
            for digest in self.hashes[level]:
                frontier.push(digest, level * _TILE_HEIGHT)
        return frontier.root()

    def fill(self) -> list[tuple[int, int, list[bytes]]]:
        """Close the full level 0 tile: the tiles to write, as (level, number, hashes); lowest first."""
        if len(self.hashes[0]) != BUNDLE:
            raise RuntimeError("the tail is not full")
        written: list[tuple[int, int, list[bytes]]] = []
        number, level = self.bundles, 0
        self.bundles += 1
        while True:
            row = self.hashes[level]
            written.append((level, number, row))
            if len(row) < BUNDLE:
                return written
            self.hashes[level] = []
            if level + 1 == len(self.hashes):
                self.hashes.append([])
            level, number = level + 1, number // BUNDLE
            self.hashes[level] = [*self.hashes[level], tree.root_of(row)]

    def node(self, tiles: Tiles) -> tree.Node:
        """The hash of any perfect subtree, from this edge and from full tiles on disk."""

        def find(height: int, index: int) -> bytes:
            level, rest = divmod(height, _TILE_HEIGHT)
            first, count = index << rest, 1 << rest
            number, offset = divmod(first, BUNDLE)
            full = self.bundles // BUNDLE**level
            row = self.hashes[level] if number == full else tiles.hashes(level, number)
            part = row[offset : offset + count]
            if len(part) != count:
                raise ValueError("no such subtree")
            return tree.root_of(part)

        return find
