"""What kind of attack a vault's wrong files look like: edited, deleted, swapped, replayed, injected.

Guarantees: one word per wrong file, the same for the same vault; reads only the files that it is given.
Leaves out finding them (`verify.py`) and what happened to the log itself (`agent/ledger/attack.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from agent.model.errors import AgentError
from agent.vault.store import sha256_of


def file_attacks(
    vault: Path, expected: Mapping[str, str], wrong: Iterable[str], unexplained: Iterable[str]
) -> tuple[str, ...]:
    """`expected` is the SHA-256 that the ledger gives each path; `wrong` are paths of it whose file is not
    so, `unexplained` are files that no leaf names."""
    places: dict[str, str] = {}
    for path, digest in expected.items():
        places.setdefault(digest, path)
    words = [_of_wrong(vault, path, places) for path in wrong]
    return (*words, *(_of_unexplained(vault, path, places) for path in unexplained))


def _of_wrong(vault: Path, path: str, places: Mapping[str, str]) -> str:
    digest = _digest(vault / path)
    if digest is None:
        return f"deleted: {path}"
    origin = places.get(digest)
    if origin is None:
        return f"edited: {path}"
    same = Path(origin).parent == Path(path).parent
    return f"{'swapped' if same else 'replayed'}: {path} holds what {origin} held"


def _of_unexplained(vault: Path, path: str, places: Mapping[str, str]) -> str:
    digest = _digest(vault / path)
    origin = None if digest is None else places.get(digest)
    return f"injected: {path}" if origin is None else f"replayed: {path} is a copy of {origin}"


def _digest(path: Path) -> str | None:
    """None for what is not there or can't be read."""
    try:
        return sha256_of(path) if path.is_file() else None
    except AgentError:
        return None
