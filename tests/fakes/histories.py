"""Histories of a box's log in memory: any of them can be signed with the box's key, as root on it can.

Guarantees: notes are signed by `tests.fakes.ledgers.KEY`, paths are those of RFC 9162; `fork` gives a
history with the same beginning.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from agent.formats.signed_note import COSIGNATURE
from agent.formats.witness_v1 import Sent
from agent.ledger import checkpoint as checkpoints
from agent.ledger import tree
from agent.ledger.checkpoint import Checkpoint
from agent.ledger.signing import SigningKey, Verifier
from tests.fakes.clock import START_WALL_NS
from tests.fakes.ledgers import BOX, KEY, NAME

WITNESS = SigningKey.generate(bytes(range(2, 34)), "edgeward.witness/main", COSIGNATURE)
WITNESS_2 = SigningKey.generate(bytes(range(3, 35)), "edgeward.witness/other", COSIGNATURE)
LOGS = {BOX: Verifier(KEY.verifier_key)}


@dataclass(frozen=True, slots=True)
class History:
    """Leaves as text."""

    leaves: tuple[str, ...]

    @classmethod
    def of(cls, size: int, word: str = "leaf") -> History:
        return cls(tuple(f"{word} {number}" for number in range(size)))

    def grown(self, count: int, word: str = "more") -> History:
        return History((*self.leaves, *(f"{word} {number}" for number in range(count))))

    def fork(self, size: int, count: int, word: str = "another story") -> History:
        return History(self.leaves[:size]).grown(count, word)

    @property
    def size(self) -> int:
        return len(self.leaves)

    @property
    def head(self) -> Checkpoint:
        return Checkpoint(origin=NAME, size=self.size, root=tree.root_of(self._hashes()))

    @property
    def note(self) -> bytes:
        return checkpoints.sign(self.head, KEY)

    def path(self, old: int) -> list[bytes]:
        """The path that shows that the first `old` leaves begin this history."""
        return tree.consistency_path(old, self.size, self._node) if old else []

    def _hashes(self) -> list[bytes]:
        return [tree.leaf_hash(leaf.encode()) for leaf in self.leaves]

    def _node(self, height: int, index: int) -> bytes:
        return tree.root_of(self._hashes()[index << height : (index + 1) << height])


def sent(seq: int, seconds: int | None = None) -> Sent:
    """The message with this number, `seconds` (default: as many as the number) after the clock's start."""
    return Sent(seq=seq, wall_ns=START_WALL_NS + (seq if seconds is None else seconds) * 1_000_000_000)


def paths(history: History, *sizes: int) -> dict[int, Sequence[bytes]]:
    """Paths from these sizes, as far as the history has them."""
    return {size: history.path(size) for size in sizes if size <= history.size}
