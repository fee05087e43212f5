"""The auditor's check of a log directory: everything is computed again from the entries.

Guarantees: reads only, also from a copied directory without write permission, one bundle at a time; names
every contradiction it finds between entries, hash tiles, checkpoint, the heads that witnesses cosigned and
the checkpoints kept elsewhere. Leaves out whether segments on disk match their leaves, and what kind of
attack it looks like (`attack.py`). The caller must give the verifier keys from a source other than the box,
and as `kept` the notes that were copied away: without these, root on the box can replace the whole log
unseen.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.formats import signed_note
from agent.formats.ledger_v1 import BUNDLE, CHECKPOINT, Leaf, decode_leaf, is_torn, origin, split_entries
from agent.formats.signed_note import COSIGNATURE
from agent.ledger import checkpoint as checkpoints
from agent.ledger import cosignature, tree
from agent.ledger.checkpoint import Checkpoint
from agent.ledger.cosigned import read_all
from agent.ledger.signing import Verifier
from agent.ledger.tiles import Edge, Tiles, read_file
from agent.model.errors import AgentError, Refuse


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One contradiction. `index` is the first leaf that is or may be wrong, when one can be named.

    `head` says which head it is about: 0 the box's own checkpoint, from 1 the others. `found` is the number
    that a misplaced leaf gives itself.
    """

    code: str
    index: int | None
    text: str
    head: int | None = None
    found: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LogReport:
    """The verdict. `ok` means no problem; leaves after the checkpoint (`uncheckpointed`) are none.

    `signed_by` is None when no key was given or the signature did not verify. `torn_bytes` after the
    last whole record are what a power loss leaves, or a copy that was made while the agent wrote.
    `witnessed` is how many leaves a given witness has cosigned as they are; None when no witness was given.
    """

    ok: bool
    leaves: int
    root_hex: str
    problems: tuple[Problem, ...]
    checkpoint_size: int | None
    signed_by: str | None
    uncheckpointed: int
    torn_bytes: int
    witnessed: int | None = None

    @property
    def unwitnessed(self) -> int | None:
        """Leaves of the tail that no given witness has seen; None when no witness was given."""
        return None if self.witnessed is None else max(0, self.leaves - self.witnessed)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Head:
    """A head to compare with: the box's own (`number` 0), a kept one, or a cosigned one."""

    number: int
    name: str
    checkpoint: Checkpoint
    cosigned: bool


def read_leaves(directory: Path) -> Iterator[Leaf]:
    """All leaves in order, one bundle at a time, unchecked; Halt `ledger.damaged`, Refuse `leaf.bad`."""
    tiles = Tiles(directory)
    count = tiles.bundle_count()
    for number in range(count):
        for entry in tiles.bundle(number):
            yield decode_leaf(entry)
    data = tiles.read_tail()
    if not tiles.is_left_over(count, data):
        for entry in split_entries(data)[0]:
            yield decode_leaf(entry)


def check_log(
    directory: Path, vkey: str | None, *, kept: Sequence[bytes] = (), witnesses: Sequence[str] = ()
) -> LogReport:
    """Check the log in `directory`; raises only Refuse `key.bad` (a given key is none) and `disk.*`.

    `kept` are notes that were copied away from the box or come from a witness; `witnesses` are the verifier
    keys of those whose cosignatures count. Cosigned heads that lie beside the log are checked in any case.
    """
    check = _Check(Tiles(directory), Verifier(vkey) if vkey is not None else None)
    check.witnesses = [Verifier(one, COSIGNATURE) for one in witnesses]
    own_note = read_file(directory / CHECKPOINT)
    notes = [] if own_note is None else [(0, "the checkpoint", own_note)]
    others = [*_named(kept), *read_all(directory)]
    notes += [(number, name, note) for number, (name, note) in enumerate(others, 1)]
    heads = [head for one in notes if (head := check.head(*one)) is not None]
    own = next((head.checkpoint for head in heads if head.number == 0), None)
    check.wanted = {head.checkpoint.size for head in heads}
    check.scan()
    check.compare_tiles()
    check.compare(heads)
    leaves = check.edge.size
    if own_note is None:
        check.missing_checkpoint()
    return LogReport(
        ok=not check.problems,
        leaves=leaves,
        root_hex=check.edge.root().hex(),
        problems=tuple(check.problems),
        checkpoint_size=own.size if own is not None else None,
        signed_by=check.verifier.name if check.verifier is not None and own is not None else None,
        uncheckpointed=max(0, leaves - own.size) if own is not None else leaves,
        torn_bytes=check.torn_bytes,
        witnessed=check.witnessed(heads) if witnesses else None,
    )


def _named(kept: Sequence[bytes]) -> list[tuple[str, bytes]]:
    return [(f"kept checkpoint {number}", note) for number, note in enumerate(kept, 1)]


class _Check:
    """The state of one check."""

    def __init__(self, tiles: Tiles, verifier: Verifier | None) -> None:
        self.tiles = tiles
        self.verifier = verifier
        self.witnesses: list[Verifier] = []
        self.origin = verifier.name if verifier is not None else None
        self.problems: list[Problem] = []
        self.wanted: set[int] = set()
        self.roots: dict[int, bytes] = {}
        self.frontier = tree.Frontier()
        self.edge = Edge(0)
        self.torn_bytes = 0
        self._shift = 0
        self._full_tail = False

    def problem(
        self,
        code: str,
        text: str,
        index: int | None = None,
        *,
        head: int | None = None,
        found: int | None = None,
    ) -> None:
        self.problems.append(Problem(code=code, index=index, text=text, head=head, found=found))

    def head(self, number: int, name: str, note: bytes) -> _Head | None:
        """The head in `note` when it can be trusted as far as the given keys allow."""
        try:
            if self.verifier is not None:
                checkpoint = checkpoints.verified(note, self.verifier, self.verifier.name)
            else:
                checkpoint = checkpoints.parse(signed_note.parse(note).text)
            cosigned = self._is_cosigned(note, checkpoint.origin)
        except Refuse as error:
            self.problem(error.code, f"{name}: {error.text}", head=number)
            return None
        return _Head(number=number, name=name, checkpoint=checkpoint, cosigned=cosigned)

    def _is_cosigned(self, note: bytes, name: str) -> bool:
        """True when a given witness cosigned it; Refuse when one of them is said to have, and has not."""
        good = False
        for witness in self.witnesses:
            try:
                cosignature.verified(note, witness, name)
                good = True
            except Refuse as error:
                if error.code != "note.unsigned":
                    raise
        return good

    def witnessed(self, heads: Sequence[_Head]) -> int:
        """Leaves under the largest cosigned head that the entries agree with."""
        sizes = (head.checkpoint.size for head in heads if head.cosigned and self._agrees(head.checkpoint))
        return max(sizes, default=0)

    def _agrees(self, head: Checkpoint) -> bool:
        return head.origin == self.origin and self.roots.get(head.size) == head.root

    def missing_checkpoint(self) -> None:
        if self.edge.size:
            self.problem("checkpoint.missing", "there are leaves but no checkpoint")
        else:
            self.problem("log.empty", "there is no log in this directory")

    def scan(self) -> None:
        """Read all entries in order up to the first place where bytes are missing."""
        if 0 in self.wanted:
            self.roots[0] = tree.EMPTY_ROOT
        numbers = self.tiles.bundle_numbers()
        count = next(n for n in range(len(numbers) + 1) if n not in numbers)
        for number in range(count):
            try:
                entries = self.tiles.bundle(number)
            except AgentError as error:
                self._stop(error, number * BUNDLE)
                return
            self._entries(entries)
            self._fill()
        if len(numbers) > count:
            text = f"entry bundle {count} is missing, later ones are there"
            self.problem("bundle.missing", text, count * BUNDLE)
            return
        self._scan_tail(count)

    def _stop(self, error: AgentError, index: int) -> None:
        if error.code != "ledger.damaged":
            raise error
        self.problem("bundle.damaged", error.text, index)

    def _scan_tail(self, bundles: int) -> None:
        data = self.tiles.read_tail()
        if self.tiles.is_left_over(bundles, data):
            return
        entries, rest = split_entries(data)
        self._full_tail = len(entries) == BUNDLE
        if len(entries) > BUNDLE:
            self.problem("tail.damaged", "the tail holds more entries than a bundle", (bundles + 1) * BUNDLE)
            entries, rest = entries[:BUNDLE], b""
        self._entries(entries)
        if rest and is_torn(rest):
            self.torn_bytes = len(rest)
        elif rest:
            self.problem("tail.damaged", "bytes that are no record end the tail", self.edge.size)

    def _entries(self, entries: Sequence[bytes]) -> None:
        for entry in entries:
            index = self.edge.size
            self._leaf(entry, index)
            digest = tree.leaf_hash(entry)
            self.edge.hashes[0].append(digest)
            self.frontier.push(digest)
            if index + 1 in self.wanted:
                self.roots[index + 1] = self.frontier.root()

    def _leaf(self, entry: bytes, index: int) -> None:
        try:
            leaf = decode_leaf(entry)
        except Refuse as error:
            self.problem("leaf.bad", error.text, index)
            return
        # One deleted leaf shifts all later ones: say it once, where the shift begins.
        if leaf.n - index != self._shift:
            self._shift = leaf.n - index
            self.problem("leaf.misplaced", f"here is leaf {leaf.n}", index, found=leaf.n)
        name = origin(leaf.box)
        self.origin = self.origin or name
        if name != self.origin:
            self.problem("leaf.other-box", f"a leaf of {leaf.box} in the log {self.origin}", index)

    def _fill(self) -> None:
        for level, tile, hashes in self.edge.fill():
            if len(hashes) == BUNDLE:
                self._compare_tile(level, tile, hashes)

    def _compare_tile(self, level: int, tile: int, hashes: Sequence[bytes]) -> None:
        try:
            there = self.tiles.hashes(level, tile, None if len(hashes) == BUNDLE else len(hashes))
        except AgentError as error:
            if error.code != "ledger.damaged":
                raise
            self.problem("tile.damaged", error.text, tile * BUNDLE ** (level + 1))
            return
        for place, pair in enumerate(zip(there, hashes, strict=True)):
            if pair[0] != pair[1]:
                text = f"hash tile {level}/{tile} is not that of the entries"
                self.problem("tile.differs", text, (tile * BUNDLE + place) * BUNDLE**level)
                return

    def compare_tiles(self) -> None:
        """Compare the partial tiles of the right edge, and look for tiles beyond it."""
        for level, row in enumerate(self.edge.hashes):
            if level and row:
                self._compare_tile(level, self.edge.bundles // BUNDLE**level, row)
        beyond = self.tiles.numbers("0") - set(range(self.edge.bundles + self._full_tail))
        if beyond:
            text = "there are hash tiles of entries that are gone"
            self.problem("tile.surplus", text, min(beyond) * BUNDLE)

    def compare(self, heads: Sequence[_Head]) -> None:
        """Compare the heads with what the entries gave, and with each other."""
        good = [head.checkpoint.size for head in heads if self._agrees(head.checkpoint)]
        for one in heads:
            self._compare(one, good)
        if self.verifier is not None:
            self._forks(heads, max(good, default=0))

    def _compare(self, one: _Head, good: Sequence[int]) -> None:
        name, head = one.name, one.checkpoint
        if self.origin is not None and head.origin != self.origin:
            self.problem("checkpoint.other-log", f"{name} is of {head.origin}", head=one.number)
        elif head.size > self.edge.size:
            text = f"{name} covers {head.size} leaves, only {self.edge.size} are there"
            self.problem("log.truncated", text, self.edge.size, head=one.number)
        elif self.roots[head.size] != head.root:
            first = max((size for size in good if size < head.size), default=0)
            text = f"the first {head.size} leaves are not those that {name} covers"
            if first:
                text += f"; those before leaf {first} are"
            self.problem("log.differs", text, first, head=one.number)

    def _forks(self, heads: Sequence[_Head], agreed: int) -> None:
        """Two heads that the box's key signed and that can't be of one history."""
        seen: dict[int, _Head] = {}
        for one in sorted(heads, key=lambda head: not self._agrees(head.checkpoint)):
            head = one.checkpoint
            other = seen.setdefault(head.size, one)
            if other.checkpoint.root != head.root:
                text = f"{other.name} and {one.name} have two roots for {head.size} leaves"
                self.problem("head.forked", text, head=one.number)
            elif head.size < agreed and not self._agrees(head) and one is other:
                text = f"{one.name} is not of the history of which {agreed} leaves were signed later"
                self.problem("head.forked", text, head=one.number)
