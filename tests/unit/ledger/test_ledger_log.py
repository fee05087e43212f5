"""The log as its users see it: append, reopen, prove, one writer, failure."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from agent.formats.ledger_v1 import CHECKPOINT, TAIL, LeafType, encode_leaf, tile_name
from agent.ledger import log as log_module
from agent.ledger import tree
from agent.ledger.check import check_log, read_leaves
from agent.ledger.log import Ledger, NewLeaf
from agent.model.errors import Halt, Refuse
from tests.fakes.clock import FakeClock
from tests.fakes.ledgers import BOX, KEY, closed, gap, grow

_opened: list[str] | None = None


def _audit(event: str, arguments: tuple[object, ...]) -> None:
    if _opened is not None and event == "open":
        _opened.append(str(arguments[0]))


sys.addaudithook(_audit)  # can't be removed again; does nothing while _opened is None


def test_a_leaf_says_who_when_and_why(tmp_path: Path) -> None:
    clock = FakeClock()
    with_actor = NewLeaf(
        now=clock.now(), boot=3, type=LeafType.OPENED_BY, body={"r": "x"}, actor="dr-7", authority="t-1"
    )
    ledger = Ledger.open(tmp_path / "log", BOX, KEY)
    assert ledger.append(clock.now(), 3, LeafType.BOOT, {"version": "1"}) == 0
    assert ledger.append_many([with_actor]) == range(1, 2)
    first, second = ledger.leaves()
    assert (first.n, first.box, first.boot, first.type) == (0, BOX, 3, LeafType.BOOT)
    assert (first.actor, first.authority, first.std) == ("agent", "policy", ("STD 7.4 e", "STD 7.4 f"))
    assert (first.wall, first.mono_ns) == ("2026-11-24T00:00:00.000000Z", 1_000_000_000)
    assert (second.n, second.actor, second.authority) == (1, "dr-7", "t-1")
    ledger.close()


@pytest.mark.parametrize("count", [0, 1, 255, 256, 257, 511, 512, 513])
def test_reopen_gives_the_same_log(tmp_path: Path, count: int) -> None:
    ledger = grow(tmp_path / "log", count)
    root = ledger.root()
    ledger.checkpoint(FakeClock().now())
    ledger.close()
    again = Ledger.open(tmp_path / "log", BOX, KEY)
    assert (again.size, again.root(), again.torn, again.checkpoint_size) == (count, root, (), count)
    assert [leaf.n for leaf in again.leaves()] == list(range(count))
    assert [leaf.n for leaf in again.leaves(254)] == list(range(254, count))
    again.append_many([gap(1), gap(2)])
    hashes = [tree.leaf_hash(encode_leaf(leaf)) for leaf in read_leaves(tmp_path / "log")]
    assert again.root() == tree.root_of(hashes)
    again.checkpoint(FakeClock().now())
    again.close()
    report = check_log(tmp_path / "log", KEY.verifier_key)
    assert report.ok, report.problems
    assert report.leaves == count + 2


def test_one_by_one_and_all_at_once_give_the_same_bytes(tmp_path: Path) -> None:
    single = Ledger.open(tmp_path / "single", BOX, KEY)
    for number in range(520):
        item = gap(number)
        single.append(item.now, item.boot, item.type, item.body)
    single.close()
    grow(tmp_path / "many", 520).close()
    files = {path.relative_to(tmp_path / "single") for path in (tmp_path / "single").rglob("*")}
    assert files == {path.relative_to(tmp_path / "many") for path in (tmp_path / "many").rglob("*")}
    for name in files:
        if (tmp_path / "single" / name).is_file():
            assert (tmp_path / "single" / name).read_bytes() == (tmp_path / "many" / name).read_bytes()


def test_proofs_hold_for_leaves_in_bundles_and_in_the_tail(tmp_path: Path) -> None:
    ledger = grow(tmp_path / "log", 600)
    leaves = [encode_leaf(leaf) for leaf in ledger.leaves()]
    for index in (0, 1, 255, 256, 511, 512, 599):
        path = ledger.inclusion_proof(index)
        assert tree.verify_inclusion(tree.leaf_hash(leaves[index]), index, 600, path, ledger.root())
    for old in (1, 2, 255, 256, 257, 512, 513, 600):
        old_root = tree.root_of(tree.leaf_hash(leaf) for leaf in leaves[:old])
        path = ledger.consistency_proof(old)
        assert tree.verify_consistency(old, 600, old_root, ledger.root(), path)
    for wrong in (-1, 600):
        with pytest.raises(Refuse, match=r"leaf\.unknown"):
            ledger.inclusion_proof(wrong)
    ledger.close()


def test_opening_a_large_log_reads_few_files(tmp_path: Path) -> None:
    """70 000 leaves are 273 bundles on two levels; the checkpoint is of an older size."""
    global _opened
    directory = tmp_path / "log"
    ledger = grow(directory, 40_000)
    ledger.checkpoint(FakeClock().now())
    ledger.append_many([gap(number) for number in range(30_000)])
    root = ledger.root()
    ledger.close()
    _opened = []
    again = Ledger.open(directory, BOX, KEY)
    opened, _opened = _opened, None
    # Names of this log only; the directory itself is opened to lock and to sync it.
    read = {name for name in opened if name.startswith(f"{directory}/")}
    assert (again.size, again.root()) == (70_000, root)
    assert str(directory / TAIL) in read
    assert not [name for name in read if "/entries/" in name]
    assert len(read) <= 12, sorted(read)
    again.close()


def test_two_writers_are_refused(tmp_path: Path) -> None:
    first = grow(tmp_path / "log", 1)
    with pytest.raises(Halt) as caught:
        Ledger.open(tmp_path / "log", BOX, KEY)
    assert caught.value.code == "ledger.busy"
    first.close()
    first.close()
    Ledger.open(tmp_path / "log", BOX, KEY).close()


def test_a_bad_leaf_is_refused_and_the_log_goes_on(tmp_path: Path) -> None:
    ledger = grow(tmp_path / "log", 1)
    wrong = NewLeaf(now=FakeClock().now(), boot=1, type=LeafType.GAP, body={"seconds": 1.5})
    with pytest.raises(Refuse) as caught:
        ledger.append_many([gap(1), wrong])
    assert caught.value.code == "leaf.bad"
    assert ledger.size == 1
    assert ledger.append_many([gap(1)]) == range(1, 2)
    ledger.close()


def test_after_a_failed_fsync_nothing_is_appended_or_signed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = grow(tmp_path / "log", 3)

    def broken(fd: int) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", broken)
        with pytest.raises(Halt) as caught:
            ledger.append_many([gap(3)])
        assert caught.value.code == "ledger.failed"
    for act in (lambda: ledger.append_many([gap(3)]), lambda: ledger.checkpoint(FakeClock().now())):
        with pytest.raises(Halt) as caught:
            act()
        assert caught.value.code == "ledger.failed"
    assert not (tmp_path / "log" / CHECKPOINT).exists()
    ledger.close()
    again = Ledger.open(tmp_path / "log", BOX, KEY)
    assert again.size in (3, 4)
    again.close()


def test_a_full_disk_in_the_middle_of_a_record_is_repaired_by_opening(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = grow(tmp_path / "log", 3)

    def full(fd: int, data: bytes) -> None:
        os.write(fd, data[:20])
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(log_module, "write_all", full)
        with pytest.raises(Halt, match="No space left"):
            ledger.append_many([gap(3)])
    ledger.close()
    again = Ledger.open(tmp_path / "log", BOX, KEY)
    assert [(torn.size, torn.byte_count) for torn in again.torn] == [(3, 20)]
    assert again.append_many([gap(3)]) == range(3, 4)
    again.close()


def test_the_checkpoint_is_remembered(tmp_path: Path) -> None:
    ledger = grow(tmp_path / "log", 3)
    assert (ledger.checkpoint_at, ledger.checkpoint_size) == (None, 0)
    now = FakeClock().now()
    note = ledger.checkpoint(now)
    assert (ledger.checkpoint_at, ledger.checkpoint_size) == (now, 3)
    assert (tmp_path / "log" / CHECKPOINT).read_bytes() == note
    assert note.startswith(b"edgeward.box/or-3\n3\n")
    ledger.close()


def test_an_empty_log_can_be_signed_and_grown(tmp_path: Path) -> None:
    closed(tmp_path / "log", 0)
    ledger = grow(tmp_path / "log", 2)
    assert ledger.checkpoint_size == 0
    ledger.close()


def test_partial_tiles_do_not_pile_up(tmp_path: Path) -> None:
    grow(tmp_path / "log", 5 * 256).close()
    assert [path.name for path in (tmp_path / "log" / tile_name(1, 0, 1)).parent.iterdir()] == ["5"]
