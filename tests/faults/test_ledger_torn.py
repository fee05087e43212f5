"""Power losses: a record torn at every byte, and a stop before every write of a bundle's change."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from agent.formats.ledger_v1 import TAIL, encode_entries, split_entries
from agent.host import files
from agent.ledger import tiles as tiles_module
from agent.ledger.check import check_log, read_leaves
from agent.ledger.log import Ledger
from agent.model.errors import Halt
from tests.fakes.clock import FakeClock
from tests.fakes.ledgers import BOX, KEY, closed, gap, grow


class _PowerLossError(BaseException):
    """Stops everything at once: no code catches it."""


@pytest.mark.parametrize("count", [1, 3, 256, 259])
def test_a_record_torn_at_every_byte(tmp_path: Path, count: int) -> None:
    grow(tmp_path / "log", count).close()
    whole = (tmp_path / "log" / TAIL).read_bytes()
    one_more = grow(tmp_path / "log", 1)
    root = one_more.root()
    one_more.close()
    record = (tmp_path / "log" / TAIL).read_bytes()[len(whole) :]
    for cut in range(1, len(record)):
        directory = tmp_path / "torn"
        shutil.copytree(tmp_path / "log", directory)
        (directory / TAIL).write_bytes(whole + record[:cut])
        report = check_log(directory, None)
        assert (report.leaves, report.torn_bytes) == (count, cut)
        ledger = Ledger.open(directory, BOX, KEY)
        assert ledger.size == count
        assert [(torn.size, torn.byte_count) for torn in ledger.torn] == [(count, cut)]
        assert (directory / f"torn-{count}.bin").read_bytes() == record[:cut]
        assert ledger.append_many([gap(0)]) == range(count, count + 1)
        assert ledger.root() == root
        ledger.close()
        shutil.rmtree(directory)


def test_zeros_after_the_last_record_are_torn_too(tmp_path: Path) -> None:
    """Some file systems lengthen a file before they fill it."""
    closed(tmp_path / "log", 3)
    with (tmp_path / "log" / TAIL).open("ab") as tail:
        tail.write(bytes(4096))
    ledger = Ledger.open(tmp_path / "log", BOX, KEY)
    assert [torn.byte_count for torn in ledger.torn] == [4096]
    ledger.close()


def test_other_bytes_after_the_last_record_are_damage(tmp_path: Path) -> None:
    closed(tmp_path / "log", 3)
    with (tmp_path / "log" / TAIL).open("ab") as tail:
        tail.write(b"\xff" * 100)
    before = (tmp_path / "log" / TAIL).read_bytes()
    with pytest.raises(Halt) as caught:
        Ledger.open(tmp_path / "log", BOX, KEY)
    assert caught.value.code == "ledger.damaged"
    assert (tmp_path / "log" / TAIL).read_bytes() == before
    assert [problem.code for problem in check_log(tmp_path / "log", None).problems] == ["tail.damaged"]


def test_a_second_tear_at_the_same_place_keeps_both(tmp_path: Path) -> None:
    closed(tmp_path / "log", 3)
    for piece in (b"\0\x50one", b"\0\x50second", b"\0\x50one"):
        with (tmp_path / "log" / TAIL).open("ab") as tail:
            tail.write(piece)
        Ledger.open(tmp_path / "log", BOX, KEY).close()
    kept = {path.name: path.read_bytes() for path in (tmp_path / "log").glob("torn-*")}
    assert kept == {"torn-3.bin": b"\0\x50one", "torn-3-2.bin": b"\0\x50second"}


def test_a_torn_record_below_the_checkpoint_is_a_roll_back(tmp_path: Path) -> None:
    """The checkpoint was signed after an fsync, so a power loss can't have torn this one."""
    closed(tmp_path / "log", 3)
    path = tmp_path / "log" / TAIL
    path.write_bytes(path.read_bytes()[:-5])
    before = path.read_bytes()
    with pytest.raises(Halt) as caught:
        Ledger.open(tmp_path / "log", BOX, KEY)
    assert caught.value.code == "ledger.rolled-back"
    assert path.read_bytes() == before
    assert not list((tmp_path / "log").glob("torn-*"))


# The four atomic writes of a new bundle: level 0 tile, partial level 1 tile, bundle, empty tail.
@pytest.mark.parametrize("bundles", [0, 1, 4])
@pytest.mark.parametrize("stop", range(4))
@pytest.mark.parametrize("renamed", [False, True], ids=["before-rename", "after-rename"])
def test_a_stop_at_every_write_of_a_new_bundle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bundles: int, stop: int, renamed: bool
) -> None:
    directory = tmp_path / "log"
    count = bundles * 256 + 255
    ledger = grow(directory, count)
    ledger.checkpoint(FakeClock().now())
    left = stop

    def failing(path: Path, data: bytes, mode: int = 0o600) -> None:
        nonlocal left
        if left == 0 and not renamed:
            path.with_name(path.name + ".new").write_bytes(data[: len(data) // 2])
            raise _PowerLossError
        files.write_atomic(path, data, mode)
        if left == 0:
            raise _PowerLossError
        left -= 1

    with monkeypatch.context() as patch:
        patch.setattr(tiles_module, "write_atomic", failing)
        with pytest.raises(_PowerLossError):
            ledger.append_many([gap(255)])
    ledger.close()
    report = check_log(directory, KEY.verifier_key)
    assert report.ok, report.problems
    assert report.leaves == count + 1
    assert sum(1 for _ in read_leaves(directory)) == count + 1
    again = Ledger.open(directory, BOX, KEY)
    assert (again.size, again.torn) == (count + 1, ())
    again.append_many([gap(0)])
    again.checkpoint(FakeClock().now())
    again.close()
    report = check_log(directory, KEY.verifier_key)
    assert report.ok, report.problems
    assert report.leaves == count + 2


def test_a_stop_at_every_write_when_a_level_1_tile_fills(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bundle 256 takes five writes: level 0, full level 1 and partial level 2 tile, bundle, empty tail."""
    ledger = grow(tmp_path / "log", 65_535)
    ledger.checkpoint(FakeClock().now())
    ledger.close()
    writes = 0
    roots = set()

    def stopping(path: Path, data: bytes, mode: int = 0o600) -> None:
        nonlocal writes
        if writes == 0:
            raise _PowerLossError
        files.write_atomic(path, data, mode)
        writes -= 1

    directory = tmp_path / "stopped"
    for stop in range(5):
        shutil.copytree(tmp_path / "log", directory)
        ledger = Ledger.open(directory, BOX, KEY)
        with monkeypatch.context() as patch:
            patch.setattr(tiles_module, "write_atomic", stopping)
            writes = stop
            with pytest.raises(_PowerLossError):
                ledger.append_many([gap(0)])
        ledger.close()
        again = Ledger.open(directory, BOX, KEY)
        assert again.size == 65_536
        roots.add(again.root())
        again.close()
        if stop < 4:
            shutil.rmtree(directory)
    report = check_log(directory, KEY.verifier_key)
    assert report.ok, report.problems
    assert roots == {bytes.fromhex(report.root_hex)}


def test_a_batch_torn_in_its_middle_keeps_the_whole_leaves(tmp_path: Path) -> None:
    grow(tmp_path / "log", 10).close()
    entries, _ = split_entries((tmp_path / "log" / TAIL).read_bytes())
    (tmp_path / "log" / TAIL).write_bytes(encode_entries(entries[:7]) + encode_entries([entries[7]])[:-1])
    ledger = Ledger.open(tmp_path / "log", BOX, KEY)
    assert ledger.size == 7
    assert len(ledger.torn) == 1
    ledger.close()
