"""Figures of the ledger as JSON: append with fsync beside a raw fsync loop, opening, verifying, proofs.

Guarantees: the raw loop writes records of the leaves' size into the same directory and alternates with the
ledger; every figure is of this run; nothing is judged. The large log is written without fsync, tile by tile,
and then opened, verified and proven by the code under test. Run: python -m tests.bench.ledger_figures DIR
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path

from pymerkle import InmemoryTree

from agent.formats.ledger_v1 import BUNDLE, CHECKPOINT, TAIL, decode_leaf, encode_entries, tile_name
from agent.ledger import checkpoint as checkpoints
from agent.ledger import tree
from agent.ledger.check import check_log
from agent.ledger.checkpoint import Checkpoint
from agent.ledger.log import Ledger
from agent.ledger.reader import LogReader
from agent.ledger.tiles import Edge
from tests.fakes.ledgers import BOX, KEY, NAME, gap

_ENTRY = (
    '{{"actor":"agent","authority":"policy","body":{{"channel":"ch0","recording":"r","sha256":"{digest}",'
    '"size_bytes":123456}},"boot":1,"box":"' + BOX + '","clk":"synced","mono_ns":"{n}","n":{n},'
    '"std":["STD 6.2","STD 7.3"],"type":"segment","v":1,"wall":"2026-11-24T00:00:00.000000Z"}}'
)
CHANNELS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Appends:
    """Leaves (or raw records) per second, one number per round."""

    raw_fsync: list[float]
    alone: list[float]
    eight_channels: list[float]
    leaf_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Large:
    """A log of `leaves` leaves: seconds, and microseconds per proof."""

    leaves: int
    open_s: float
    verify_s: float
    verify_leaves_per_s: float
    inclusion_cold_us: float
    inclusion_warm_us: float
    check_inclusion_us: float
    boot_reads_all_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """The same leaves in pymerkle's memory tree and in ours, without any disk."""

    leaves: int
    pymerkle_build_s: float
    ours_build_s: float
    pymerkle_proof_us: float
    ours_proof_us: float


def entry(n: int) -> bytes:
    """A segment leaf, spelled by a template because a million of them are wanted."""
    return _ENTRY.format(n=n, digest=sha256(n.to_bytes(8, "big")).hexdigest()).encode()


def appends(folder: Path, rounds: int, count: int) -> Appends:
    """Rounds of `count` records each (a multiple of eight): raw, alone, batches of eight; in turn."""
    ledger = Ledger.open(folder / "log", BOX, KEY)
    size = len(encode_entries([entry(0)]))
    raw: list[float] = []
    alone: list[float] = []
    eight: list[float] = []
    leaf = gap(0)
    batch = [leaf] * CHANNELS
    for _ in range(rounds):
        raw.append(count / _timed(lambda: _raw(folder / "raw", size, count)))
        alone.append(count / _timed(lambda: [ledger.append_many([leaf]) for _ in range(count)]))
        eight.append(count / _timed(lambda: [ledger.append_many(batch) for _ in range(count // CHANNELS)]))
    ledger.close()
    return Appends(raw_fsync=raw, alone=alone, eight_channels=eight, leaf_bytes=size)


def _raw(path: Path, size: int, count: int) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    record = b"x" * size
    for _ in range(count):
        os.write(fd, record)
        os.fsync(fd)
    os.close(fd)


def _timed(what: Callable[[], object]) -> float:
    started = time.perf_counter()
    what()
    return time.perf_counter() - started


def write_log(folder: Path, leaves: int) -> None:
    """A sound log with its checkpoint, without fsync."""
    edge = Edge(0)
    bundle: list[bytes] = []
    for n in range(leaves):
        bundle.append(entry(n))
        edge.hashes[0].append(tree.leaf_hash(bundle[-1]))
        if len(bundle) == BUNDLE:
            _write(folder / tile_name(None, edge.bundles), encode_entries(bundle))
            bundle = []
            for level, number, hashes in edge.fill():
                if len(hashes) == BUNDLE:
                    _write(folder / tile_name(level, number), b"".join(hashes))
    for level, row in enumerate(edge.hashes):
        if level and row:
            number = edge.bundles // BUNDLE**level
            _write(folder / tile_name(level, number, len(row)), b"".join(row))
    _write(folder / TAIL, encode_entries(bundle))
    head = Checkpoint(origin=NAME, size=leaves, root=edge.root())
    _write(folder / CHECKPOINT, checkpoints.sign(head, KEY))


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def large(folder: Path, leaves: int, proofs: int) -> Large:
    """A big log, from writing it to proving single leaves of it."""
    write_log(folder, leaves)
    if decode_leaf(entry(7)).n != 7:
        raise AssertionError("the template does not spell a leaf")
    opened: list[Ledger] = []
    open_s = _timed(lambda: opened.append(Ledger.open(folder, BOX, KEY)))
    if opened[0].size != leaves:
        raise AssertionError("not all leaves are there")
    opened[0].close()
    read_s = _timed(lambda: sum(1 for _ in LogReader(folder).leaves()))
    reports = []
    verify_s = _timed(lambda: reports.append(check_log(folder, KEY.verifier_key)))
    if not reports[0].ok or reports[0].leaves != leaves:
        raise AssertionError(f"the log is not sound: {reports[0].problems[:1]}")
    chance = random.Random(1)
    indexes = [chance.randrange(leaves) for _ in range(proofs)]
    cold = statistics.median(_timed(partial(_cold_proof, folder, index, leaves)) for index in indexes)
    reader = LogReader(folder)
    warm = _timed(lambda: [reader.inclusion_proof(i, leaves) for i in indexes]) / proofs
    root = reader.root_at(leaves)
    paths = [(tree.leaf_hash(reader.entry(i)), i, reader.inclusion_proof(i, leaves)) for i in indexes]
    check = _timed(lambda: [tree.verify_inclusion(leaf, i, leaves, path, root) for leaf, i, path in paths])
    return Large(
        leaves=leaves,
        open_s=open_s,
        verify_s=verify_s,
        verify_leaves_per_s=leaves / verify_s,
        inclusion_cold_us=cold * 1e6,
        inclusion_warm_us=warm * 1e6,
        check_inclusion_us=check / proofs * 1e6,
        boot_reads_all_s=read_s,
    )


def _cold_proof(folder: Path, index: int, leaves: int) -> list[bytes]:
    return LogReader(folder).inclusion_proof(index, leaves)


def beside(leaves: int, proofs: int) -> Beside:
    """pymerkle and our tree over the same bytes; the roots must be equal."""
    entries = [entry(n) for n in range(leaves)]
    theirs = InmemoryTree(algorithm="sha256")
    theirs_s = _timed(lambda: [theirs.append_entry(one) for one in entries])
    edge = Edge(0)

    def build() -> None:
        for one in entries:
            edge.hashes[0].append(tree.leaf_hash(one))
            if len(edge.hashes[0]) == BUNDLE:
                rows.update({(level, number): hashes for level, number, hashes in edge.fill()})

    rows: dict[tuple[int, int], list[bytes]] = {}
    ours_s = _timed(build)
    if theirs.get_root() != edge.root():
        raise AssertionError("the roots differ")
    hashes = [tree.leaf_hash(one) for one in entries]
    frontier = {(0, n): digest for n, digest in enumerate(hashes)}

    def node(height: int, index: int) -> bytes:
        found = frontier.get((height, index))
        if found is None:
            found = tree.node_hash(node(height - 1, 2 * index), node(height - 1, 2 * index + 1))
            frontier[height, index] = found
        return found

    chance = random.Random(2)
    indexes = [chance.randrange(leaves) for _ in range(proofs)]
    for index in indexes:
        tree.inclusion_path(index, leaves, node)  # the inner nodes are known from here on, as pymerkle's are
    theirs_proof = _timed(lambda: [theirs.prove_inclusion(index + 1, leaves) for index in indexes])
    ours_proof = _timed(lambda: [tree.inclusion_path(index, leaves, node) for index in indexes])
    return Beside(
        leaves=leaves,
        pymerkle_build_s=theirs_s,
        ours_build_s=ours_s,
        pymerkle_proof_us=theirs_proof / proofs * 1e6,
        ours_proof_us=ours_proof / proofs * 1e6,
    )


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("directory", type=Path, help="on the disk to measure")
    parser.add_argument("--leaves", type=int, default=1_000_000)
    parser.add_argument("--beside", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--count", type=int, default=512)
    arguments = parser.parse_args()
    folder: Path = arguments.directory / f"ledger-figures-{os.getpid()}"
    folder.mkdir()
    try:
        figures = {
            "appends": asdict(appends(folder, arguments.rounds, arguments.count)),
            "large": asdict(large(folder / "large", arguments.leaves, 200)),
            "beside": asdict(beside(arguments.beside, 200)),
        }
    finally:
        shutil.rmtree(folder)
    sys.stdout.write(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
