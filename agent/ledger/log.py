"""The log of one box: append, sign, read, prove. One writer per directory.

Guarantees: when `append` returns, the leaf is on the disk; opening reads the tail and O(log n) small
files; a log that is shorter than its own checkpoint, or differs from it, is not opened
(`ledger.rolled-back`); bytes of a torn record are moved to a file and named in `torn`, never lost.
Leaves out witnesses. The caller must stop after a Halt, and must know that after a crash the log may
hold leaves whose `append` never returned.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from agent.formats.ledger_v1 import (
    BUNDLE,
    CHECKPOINT,
    STD_CLAUSES,
    TAIL,
    Leaf,
    LeafType,
    decode_leaf,
    encode_entries,
    encode_leaf,
    is_torn,
    origin,
    split_entries,
)
from agent.host.directory_lock import hold
from agent.host.files import make_directories, translate, write_all, write_atomic
from agent.ledger import checkpoint as checkpoints
from agent.ledger import tree
from agent.ledger.checkpoint import Checkpoint
from agent.ledger.signing import SigningKey, Verifier
from agent.ledger.tiles import Edge, Tiles, damaged, read_file
from agent.model.errors import AgentError, Halt, Refuse
from agent.model.outgoing import Json
from agent.model.times import Instant, rfc3339


@dataclass(frozen=True, slots=True, kw_only=True)
class NewLeaf:
    """A fact to append. `actor` did it, by the authority of `authority`."""

    now: Instant
    boot: int
    type: LeafType
    body: Mapping[str, Json]
    actor: str = "agent"
    authority: str = "policy"


@dataclass(frozen=True, slots=True, kw_only=True)
class Torn:
    """Bytes of a record cut short by a power loss, found after leaf number `size` - 1 and kept in `path`."""

    size: int
    byte_count: int
    path: Path


class Ledger:
    """An open log. Use `open`; `close` lets another process open it."""

    def __init__(self, tiles: Tiles, box: str, key: SigningKey, lock: int) -> None:
        self._tiles = tiles
        self._edge = Edge(0)
        self._box = box
        self._key = key
        self._lock = lock
        self._tail = -1
        self._failed: str | None = None
        self.torn: tuple[Torn, ...] = ()
        self.checkpoint_at: Instant | None = None
        self.checkpoint_size = 0

    @classmethod
    def open(cls, directory: Path, box: str, key: SigningKey) -> Ledger:
        """Open the log of `box`, or make it when there is none.

        Halt `ledger.busy` (another writer), `ledger.rolled-back`, `ledger.damaged`, `ledger.checkpoint-bad`
        (its checkpoint is not of this key) or `disk.*`; Retry `disk.full`; Refuse `key.other-box`. Nothing
        in the directory is changed before all checks have passed.
        """
        if key.name != origin(box):
            advice = f"generate the key of this box with the name {origin(box)}"
            raise Refuse("key.other-box", f"the key {key.name} is not the key of {box}", advice)
        make_directories(directory)
        ledger = cls(Tiles(directory), box, key, _lock(directory))
        try:
            ledger._recover()
        except AgentError:
            ledger.close()
            raise
        return ledger

    def _recover(self) -> None:
        tiles = self._tiles
        self._edge = edge = Edge.read(tiles, tiles.bundle_count())
        data = tiles.read_tail()
        entries, rest = split_entries(data)
        if rest and not is_torn(rest):
            raise damaged(f"{TAIL} holds bytes that are no record and no torn record")
        if tiles.is_left_over(edge.bundles, data):
            entries, rest = [], b""
        for place, entry in enumerate(entries):
            _check_place(entry, self._box, edge.bundles * BUNDLE + place)
        if len(entries) > BUNDLE:
            raise damaged(f"{TAIL} holds more than {BUNDLE} entries")
        edge.hashes[0] = [tree.leaf_hash(entry) for entry in entries]
        self._check_own_checkpoint()
        if rest:
            self.torn = (_quarantine(tiles.directory, edge.size, rest),)
        tiles.write_tail(encode_entries(entries))
        self._open_tail()
        if len(entries) == BUNDLE:
            self._fill()

    def _check_own_checkpoint(self) -> None:
        note = read_file(self._tiles.directory / CHECKPOINT)
        if note is None:
            return
        try:
            verifier = Verifier(self._key.verifier_key)
            found = checkpoints.verified(note, verifier, origin(self._box))
        except Refuse as error:
            advice = "if the key was replaced, begin a new log directory; otherwise run edgeward verify"
            raise Halt("ledger.checkpoint-bad", error.text, advice) from error
        self.checkpoint_size = found.size
        size = self._edge.size
        if found.size > size:
            raise _rolled_back(f"the checkpoint covers {found.size} leaves, the log has {size}")
        node = self._edge.node(self._tiles)
        if tree.range_hash(0, found.size, node) != found.root:
            raise _rolled_back(f"the first {found.size} leaves are not those of the checkpoint")
        path = tree.consistency_path(found.size, size, node) if found.size else []
        if not tree.verify_consistency(found.size, size, found.root, self._edge.root(), path):
            raise damaged("the hash tiles contradict each other")

    def _open_tail(self) -> None:
        path = self._tiles.directory / TAIL
        try:
            fresh = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW)
        except OSError as error:
            raise translate(error, path, "opening") from error
        if self._tail >= 0:
            os.close(self._tail)
        self._tail = fresh

    def close(self) -> None:
        """Let go of the files. May be called more than once; nothing can be appended afterwards."""
        self._failed = self._failed or "it is closed"
        for fd in (self._tail, self._lock):
            if fd >= 0:
                os.close(fd)
        self._tail = self._lock = -1

    def __del__(self) -> None:
        with suppress(OSError, AttributeError):
            self.close()

    @property
    def size(self) -> int:
        """Number of leaves."""
        return self._edge.size

    def root(self) -> bytes:
        """Root over all leaves."""
        return self._edge.root()

    def append(
        self,
        now: Instant,
        boot: int,
        type: LeafType,
        body: Mapping[str, Json],
        actor: str = "agent",
        authority: str = "policy",
    ) -> int:
        """Append one leaf and give its index. Errors as of `append_many`."""
        new = NewLeaf(now=now, boot=boot, type=type, body=body, actor=actor, authority=authority)
        return self.append_many([new])[0]

    def append_many(self, new: Sequence[NewLeaf]) -> range:
        """Append leaves with one fsync (one more for each bundle that gets full); give their indexes.

        Refuse `leaf.bad` when one of them can't be a leaf: then none was written. Halt `ledger.failed` when
        the disk failed now or before: then it is unknown whether these leaves are in the log, and this
        object appends nothing any more.
        """
        self._refuse_when_failed()
        first = self.size
        encoded = [self._encode(leaf, first + place) for place, leaf in enumerate(new)]
        while encoded:
            room = BUNDLE - len(self._edge.hashes[0])
            self._write(encoded[:room])
            encoded = encoded[room:]
        return range(first, self.size)

    def _encode(self, new: NewLeaf, index: int) -> bytes:
        leaf = Leaf(
            box=self._box,
            boot=new.boot,
            n=index,
            wall=rfc3339(new.now.wall_ns),
            mono_ns=new.now.mono_ns,
            clk=new.now.quality,
            type=new.type,
            std=STD_CLAUSES[new.type],
            actor=new.actor,
            authority=new.authority,
            body=new.body,
        )
        return encode_leaf(leaf)

    def _write(self, entries: Sequence[bytes]) -> None:
        try:
            write_all(self._tail, encode_entries(entries))
            os.fsync(self._tail)
        except OSError as error:
            raise self._fail(translate(error, self._tiles.directory / TAIL, "appending to")) from error
        self._edge.hashes[0].extend(tree.leaf_hash(entry) for entry in entries)
        if len(self._edge.hashes[0]) == BUNDLE:
            try:
                self._fill()
            except AgentError as error:
                raise self._fail(error) from error

    def _fill(self) -> None:
        """Turn the full tail into a bundle: hash tiles, bundle, empty tail, then old partial tiles away.

        The bundle's name is the moment that counts: before it, opening does all this again; after it, the
        tail is known as left over because its first leaf's index is too low.
        """
        number = self._edge.bundles
        data = self._tiles.read_tail()
        written = self._edge.fill()
        for level, tile, hashes in written:
            self._tiles.write_hashes(level, tile, hashes)
        self._tiles.write_bundle(number, data)
        self._tiles.write_tail(b"")
        self._open_tail()
        for level, tile, hashes in written[1:]:
            with suppress(OSError):
                self._tiles.drop_partial(level, tile, None if len(hashes) == BUNDLE else len(hashes))

    def _fail(self, cause: AgentError) -> Halt:
        self._failed = cause.text
        return Halt("ledger.failed", f"the ledger can't be written: {cause.text}", cause.advice)

    def _refuse_when_failed(self) -> None:
        if self._failed is not None:
            advice = "solve the disk's problem and start again: opening the ledger repairs its tail"
            raise Halt("ledger.failed", f"the ledger takes no more leaves: {self._failed}", advice)

    def checkpoint(self, now: Instant) -> bytes:
        """Sign the log as it is, put the note into the file `checkpoint` and give it back.

        Errors as of `append_many`. `checkpoint_at` and `checkpoint_size` tell of the last one.
        """
        self._refuse_when_failed()
        head = Checkpoint(origin=origin(self._box), size=self.size, root=self.root())
        note = checkpoints.sign(head, self._key)
        try:
            write_atomic(self._tiles.directory / CHECKPOINT, note)
        except AgentError as error:
            raise self._fail(error) from error
        self.checkpoint_at, self.checkpoint_size = now, head.size
        return note

    def leaves(self, start: int = 0) -> Iterator[Leaf]:
        """The leaves from index `start`, read from the disk. Halt `ledger.damaged`; Refuse `leaf.bad`."""
        size = self.size
        for number in range(start // BUNDLE, -(-size // BUNDLE)):
            full = number < self._edge.bundles
            entries = self._tiles.bundle(number) if full else split_entries(self._tiles.read_tail())[0]
            first = number * BUNDLE
            for entry in entries[max(0, start - first) : size - first]:
                yield decode_leaf(entry)

    def root_at(self, size: int) -> bytes:
        """Root over the first `size` leaves; Refuse `leaf.unknown`."""
        if not 0 <= size <= self.size:
            raise Refuse("leaf.unknown", f"there is no size {size}", f"the log has {self.size} leaves")
        return tree.range_hash(0, size, self._edge.node(self._tiles))

    def inclusion_proof(self, index: int) -> list[bytes]:
        """RFC 9162 path of leaf `index` in the log as it is; Refuse `leaf.unknown`."""
        if not 0 <= index < self.size:
            raise Refuse("leaf.unknown", f"there is no leaf {index}", f"the log has {self.size} leaves")
        return tree.inclusion_path(index, self.size, self._edge.node(self._tiles))

    def consistency_proof(self, old_size: int) -> list[bytes]:
        """RFC 9162 path from the log's first `old_size` leaves to the log as it is; Refuse `leaf.unknown`."""
        if not 0 < old_size <= self.size:
            raise Refuse("leaf.unknown", f"there is no size {old_size}", f"the log has {self.size} leaves")
        return tree.consistency_path(old_size, self.size, self._edge.node(self._tiles))


def _rolled_back(text: str) -> Halt:
    advice = "the disk was restored or tampered with: keep a copy, tell the controller, run edgeward verify"
    return Halt("ledger.rolled-back", text, advice)


def _lock(directory: Path) -> int:
    text = f"another process writes the ledger in {directory}"
    return hold(directory, Halt("ledger.busy", text, "stop the other agent: one box has one writer"))


def _check_place(entry: bytes, box: str, index: int) -> None:
    try:
        leaf = decode_leaf(entry)
    except Refuse as error:
        raise damaged(f"leaf {index}: {error.text}") from error
    if leaf.n != index or leaf.box != box:
        raise damaged(f"where leaf {index} of {box} should be, there is leaf {leaf.n} of {leaf.box}")


def _quarantine(directory: Path, size: int, rest: bytes) -> Torn:
    """Keep torn bytes beside the log. A second tear at the same size gets a name of its own."""
    attempt = 1
    while True:
        path = directory / (f"torn-{size}.bin" if attempt == 1 else f"torn-{size}-{attempt}.bin")
        there = read_file(path)
        if there is None:
            write_atomic(path, rest, 0o400)
        if there is None or there == rest:
            return Torn(size=size, byte_count=len(rest), path=path)
        attempt += 1
