"""What kind of attack the checker's problems look like, in words for people. Pure.

Guarantees: every problem of `check.py` is spoken of by at least one word; the words are those of `Kind`
and the leaf is the first that is or may be wrong. What one sees is not always what was done: the words say
what it looks like. Leaves out files of recordings, which `runtime` compares with their leaves.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from agent.ledger.check import Problem

_NO_TEXT = 1 << 62


class Kind(StrEnum):
    """The closed list of words."""

    EDITED = "edited"
    DELETED = "deleted"
    INSERTED = "inserted"
    REORDERED = "reordered"
    TRUNCATED = "truncated"
    ROLLED_BACK = "rolled-back"
    REWRITTEN = "rewritten"
    FORKED = "forked"
    SIGNATURE_STRIPPED = "signature-stripped"
    SIGNATURE_REPLACED = "signature-replaced"
    SIGNATURE_FORGED = "signature-forged"
    OTHER_LOG = "other-log"
    TILES_CHANGED = "tiles-changed"


WORDS = {
    Kind.EDITED: "a leaf was edited",
    Kind.DELETED: "a leaf or a file of leaves was deleted",
    Kind.INSERTED: "a leaf was inserted",
    Kind.REORDERED: "leaves were put into another order",
    Kind.TRUNCATED: "the end of the log was cut off",
    Kind.ROLLED_BACK: "an older copy of the log was put back",
    Kind.REWRITTEN: "leaves that were covered were replaced by another story, signed with the box's key",
    Kind.FORKED: "the box's key signed two histories",
    Kind.SIGNATURE_STRIPPED: "a signature was taken away",
    Kind.SIGNATURE_REPLACED: "a signature was replaced by that of another key",
    Kind.SIGNATURE_FORGED: "a signed text or its signature was changed",
    Kind.OTHER_LOG: "something of another box's log was put here",
    Kind.TILES_CHANGED: "hash tiles were changed or removed",
}
_PLAIN = {
    "bundle.missing": Kind.DELETED,
    "bundle.damaged": Kind.EDITED,
    "tail.damaged": Kind.EDITED,
    "leaf.bad": Kind.EDITED,
    "leaf.other-box": Kind.OTHER_LOG,
    "checkpoint.other-log": Kind.OTHER_LOG,
    "tile.damaged": Kind.TILES_CHANGED,
    "tile.surplus": Kind.TRUNCATED,
    "log.empty": Kind.DELETED,
    "checkpoint.missing": Kind.SIGNATURE_STRIPPED,
    "note.bad": Kind.SIGNATURE_STRIPPED,
    "note.unsigned": Kind.SIGNATURE_REPLACED,
    "note.forged": Kind.SIGNATURE_FORGED,
    "checkpoint.bad": Kind.SIGNATURE_FORGED,
    "head.forked": Kind.FORKED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Attack:
    """What it looks like, and the first leaf that is or may be wrong (None: no leaf can be named)."""

    kind: Kind
    index: int | None

    @property
    def text(self) -> str:
        """For people."""
        return WORDS[self.kind] + ("" if self.index is None else f", from leaf {self.index} on")


def classify(problems: Sequence[Problem]) -> tuple[Attack, ...]:
    """One attack per kind, the one with the first wrong leaf first."""
    found: dict[Kind, int | None] = {}
    for kind, index in _kinds(problems):
        if kind not in found or (index is not None and index < _or_last(found[kind])):
            found[kind] = index
    ordered = sorted(found.items(), key=lambda item: _or_last(item[1]))
    return tuple(Attack(kind=kind, index=index) for kind, index in ordered)


def _or_last(index: int | None) -> int:
    return _NO_TEXT if index is None else index


def _kinds(problems: Sequence[Problem]) -> Iterator[tuple[Kind, int | None]]:
    codes = {problem.code for problem in problems}
    own_is_bad = any(problem.head == 0 for problem in problems)
    yield from _misplaced(problems)
    explained = codes & {"leaf.misplaced", "bundle.missing", "bundle.damaged", "tail.damaged"}
    for problem in problems:
        if problem.code in _PLAIN:
            yield _PLAIN[problem.code], problem.index
        elif problem.code == "tile.differs":
            # Entries that still fit the signed head were not touched: it is the tile that was.
            touched = "log.differs" in codes or "log.truncated" in codes
            yield (Kind.EDITED if touched else Kind.TILES_CHANGED), problem.index
        elif problem.code == "log.truncated" and not explained:
            yield (Kind.TRUNCATED if own_is_bad else Kind.ROLLED_BACK), problem.index
        elif problem.code == "log.differs" and not explained:
            yield (Kind.EDITED if own_is_bad else Kind.REWRITTEN), _precise(problems, problem)


def _precise(problems: Sequence[Problem], differs: Problem) -> int | None:
    """The leaf: a hash tile may say it more precisely than the heads do."""
    tiles = [one.index for one in problems if one.code == "tile.differs" and one.index is not None]
    return max(min(tiles), differs.index or 0) if tiles else differs.index


def _misplaced(problems: Sequence[Problem]) -> Iterator[tuple[Kind, int | None]]:
    """Leaves say their own number: what is off at the end tells what was done."""
    moved = [one for one in problems if one.code == "leaf.misplaced"]
    if not moved:
        return
    last = moved[-1]
    shift = (last.found or 0) - (last.index or 0)
    kind = Kind.REORDERED if shift == 0 else Kind.DELETED if shift > 0 else Kind.INSERTED
    yield kind, moved[0].index
