"""Looks for what should be sealed: pieces of the opened video, and words that only clear text has.

Guarantees: at least `LEAST_WINDOWS` windows of 32 bytes, spread over all of the media data, or the caller is
told that there are fewer; runs of equal bytes, which any file may have, are not used. Files are read in
pieces, so their size does not matter.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from agent.capture.boxes import split_boxes

WINDOW = 32
WANTED_WINDOWS = 256
LEAST_WINDOWS = 200
_LEAST_DISTINCT = 16
_PIECE = 8 << 20
WORDS = (
    b"ftypiso",
    # The whole beginning of the box: the four letters alone come up by chance in a few gigabytes.
    b"moov\x00\x00\x00\x6cmvhd",
    b"AGE-SECRET-KEY",
)


@dataclass(frozen=True, slots=True)
class Hit:
    """A file that holds clear text, and at which byte the first of `what` is."""

    file: Path
    what: str
    at: int


def windows(media: bytes, wanted: int = WANTED_WINDOWS) -> list[bytes]:
    """Pieces of an MP4's media data that are not likely to be anywhere else."""
    data = b"".join(media[start:end] for kind, start, end in split_boxes(media) if kind == b"mdat")
    stride = max(WINDOW, len(data) // (8 * wanted))
    pieces = (data[at : at + WINDOW] for at in range(0, len(data) - WINDOW + 1, stride))
    good = list(dict.fromkeys(piece for piece in pieces if len(set(piece)) >= _LEAST_DISTINCT))
    if len(good) <= wanted:
        return good
    return [good[number * len(good) // wanted] for number in range(wanted)]


def search(root: Path, needles: Iterable[bytes], leave_out: Path) -> list[Hit]:
    """Every needle in every file below `root` but `leave_out`; one hit per needle and file."""
    unique = list(dict.fromkeys(needles))
    files = sorted(path for path in root.rglob("*") if path.is_file() and not path.is_symlink())
    return [hit for path in files if path != leave_out for hit in _search_file(path, unique)]


def _search_file(path: Path, needles: list[bytes]) -> Iterator[Hit]:
    left = list(needles)
    overlap = max((len(needle) for needle in needles), default=1) - 1
    tail, base = b"", 0
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            data = tail + piece
            for needle in list(left):
                if (at := data.find(needle)) >= 0:
                    left.remove(needle)
                    yield Hit(path, _name(needle), base + at)
            tail = data[len(data) - overlap :] if overlap else b""
            base += len(data) - len(tail)


def _name(needle: bytes) -> str:
    """What a person may read: never the bytes of the video itself."""
    return needle[:7].decode("ascii", "replace") if needle in WORDS else "opened video"
