"""Cosigned heads on the box: the newest of each witness, and some older ones as evidence.

Guarantees: a head is durable when `keep` returns; nothing is removed. The older ones tell between which
two sizes a history was changed. Leaves out whether a note is good: who reads verifies it again, because
these files lie on the box.
"""

from __future__ import annotations

from pathlib import Path

from agent.host.files import make_directories, translate, write_atomic
from agent.ledger.cosignature import CosignedHead
from agent.ledger.tiles import read_file

FOLDER = "cosigned"
NEWEST = "newest"
EVERY = 4096
"""One head is kept for each so many leaves."""


class CosignedHeads:
    """The heads of one witness, in `<ledger>/cosigned/<name>`."""

    def __init__(self, ledger: Path, name: str) -> None:
        self._directory = ledger / FOLDER / name

    def newest(self) -> bytes | None:
        """The note that was kept last; None when there is none. Errors `disk.*`."""
        return read_file(self._directory / NEWEST)

    def keep(self, found: CosignedHead, before: int) -> None:
        """Makes `found` the newest; `before` is the size of the newest so far. Errors `disk.*`."""
        make_directories(self._directory)
        if found.head.size // EVERY > before // EVERY:
            write_atomic(self._directory / f"at-{found.head.size}", found.note)
        write_atomic(self._directory / NEWEST, found.note)

    def keep_contradiction(self, found: CosignedHead) -> Path:
        """Keeps a good cosignature of a head that is not ours: evidence for whoever looks."""
        make_directories(self._directory)
        head = found.head
        path = self._directory / f"contradiction-{head.size}-{head.root.hex()[:16]}"
        if not path.exists():
            write_atomic(path, found.note, 0o400)
        return path


def read_all(ledger: Path) -> list[tuple[str, bytes]]:
    """Every kept note of the log in `ledger`, with its place; unverified. Errors `disk.*`."""
    base = ledger / FOLDER
    found: list[tuple[str, bytes]] = []
    try:
        paths = sorted(path for path in base.glob("*/*") if path.is_file() and path.suffix != ".new")
    except OSError as error:
        raise translate(error, base, "listing") from error
    for path in paths:
        data = read_file(path)
        if data is not None:
            found.append((path.relative_to(ledger).as_posix(), data))
    return found
