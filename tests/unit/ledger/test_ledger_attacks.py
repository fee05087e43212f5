"""Each attack by its name: what root on the box does, and what the checker says."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.formats.ledger_v1 import CHECKPOINT, TAIL, encode_entries, split_entries, tile_name
from agent.ledger.check import LogReport, check_log
from agent.ledger.log import Ledger
from agent.model.errors import Halt, Refuse
from tests.fakes.clock import FakeClock
from tests.fakes.ledgers import BOX, KEY, NAME, OTHER_KEY, closed, grow

COUNT = 600  # two full bundles and a tail


@pytest.fixture
def log(tmp_path: Path) -> Path:
    closed(tmp_path / "log", COUNT)
    return tmp_path / "log"


def _codes(report: LogReport) -> list[str]:
    assert report.ok == (not report.problems)
    return [problem.code for problem in report.problems]


def _check(directory: Path, *kept: bytes) -> LogReport:
    return check_log(directory, KEY.verifier_key, kept=kept)


def _change(path: Path, how: Callable[[list[bytes]], list[bytes]]) -> None:
    entries, rest = split_entries(path.read_bytes())
    assert not rest
    path.write_bytes(encode_entries(how(entries)))


def _swap(entries: list[bytes]) -> list[bytes]:
    return [*entries[:10], entries[11], entries[10], *entries[12:]]


def _worded(entries: list[bytes]) -> list[bytes]:
    changed = entries[10].replace(b'"word":"gap"', b'"word":"gip"')
    assert changed != entries[10]
    return [*entries[:10], changed, *entries[11:]]


def _open_halts(directory: Path, code: str, word: str | None = None) -> None:
    with pytest.raises(Halt) as caught:
        Ledger.open(directory, BOX, KEY)
    assert caught.value.code == code
    assert word is None or word in caught.value.text


def test_an_honest_log_is_good(log: Path) -> None:
    report = _check(log)
    assert _codes(report) == []
    assert (report.leaves, report.checkpoint_size, report.signed_by) == (COUNT, COUNT, NAME)
    assert (report.uncheckpointed, report.torn_bytes) == (0, 0)


def test_leaves_after_the_checkpoint_are_counted_not_blamed(log: Path) -> None:
    grow(log, 7).close()
    report = _check(log)
    assert report.ok
    assert (report.leaves, report.checkpoint_size, report.uncheckpointed) == (COUNT + 7, COUNT, 7)


def test_edit_a_leaf_in_a_bundle(log: Path) -> None:
    _change(log / tile_name(None, 1), _worded)
    report = _check(log)
    assert _codes(report) == ["tile.differs", "tile.differs", "log.differs"]
    assert report.problems[0].index == 256 + 10


def test_edit_a_leaf_in_the_tail(log: Path) -> None:
    _change(log / TAIL, _worded)
    assert _codes(_check(log)) == ["log.differs"]
    _open_halts(log, "ledger.rolled-back")


def test_edit_a_leaf_and_every_hash_above_it(log: Path, tmp_path: Path) -> None:
    """The forger makes all tiles anew and can't make the checkpoint."""
    forged = tmp_path / "forged"
    closed(forged, COUNT, word="forged")
    shutil.copy(log / CHECKPOINT, forged / CHECKPOINT)
    assert _codes(_check(forged)) == ["log.differs"]
    _open_halts(forged, "ledger.rolled-back")


def test_delete_a_leaf(log: Path) -> None:
    _change(log / TAIL, lambda entries: entries[:10] + entries[11:])
    report = _check(log)
    assert _codes(report) == ["leaf.misplaced", "log.truncated"]
    assert report.problems[0].index == 512 + 10
    _open_halts(log, "ledger.damaged")


def test_delete_a_bundle(log: Path) -> None:
    (log / tile_name(None, 0)).unlink()
    report = _check(log)
    assert _codes(report)[0] == "bundle.missing"
    assert "log.truncated" in _codes(report)
    _open_halts(log, "ledger.damaged")


def test_reorder_two_leaves(log: Path) -> None:
    _change(log / TAIL, _swap)
    report = _check(log)
    assert _codes(report)[0] == "leaf.misplaced"
    assert _codes(report)[-1] == "log.differs"
    _open_halts(log, "ledger.damaged")


def test_truncate_the_tail(log: Path) -> None:
    _change(log / TAIL, lambda entries: entries[:-1])
    assert _codes(_check(log)) == ["log.truncated"]
    _open_halts(log, "ledger.rolled-back", "599")


def test_remove_the_tail(log: Path) -> None:
    (log / TAIL).unlink()
    assert _codes(_check(log)) == ["log.truncated"]
    _open_halts(log, "ledger.rolled-back")


def test_roll_back_to_an_older_copy(log: Path, tmp_path: Path) -> None:
    """The whole directory of yesterday is sound in itself: only a checkpoint kept elsewhere tells."""
    shutil.copytree(log, tmp_path / "yesterday")
    ledger = grow(log, 50)
    kept = ledger.checkpoint(FakeClock().now())
    ledger.close()
    assert _check(tmp_path / "yesterday").ok
    assert _codes(_check(tmp_path / "yesterday", kept)) == ["log.truncated"]


def test_roll_back_all_but_the_checkpoint(log: Path, tmp_path: Path) -> None:
    shutil.copytree(log, tmp_path / "yesterday")
    closed(log, 50)
    shutil.copy(log / CHECKPOINT, tmp_path / "yesterday" / CHECKPOINT)
    assert _codes(_check(tmp_path / "yesterday")) == ["log.truncated"]
    _open_halts(tmp_path / "yesterday", "ledger.rolled-back", "650")


def test_roll_back_and_regrow(log: Path, tmp_path: Path) -> None:
    """Root has the key, cuts the log and lets it grow past the old size with another story."""
    shutil.copytree(log, tmp_path / "yesterday")
    ledger = grow(log, 50)
    kept = ledger.checkpoint(FakeClock().now())
    ledger.close()
    closed(tmp_path / "yesterday", 80, word="another story")
    assert _check(tmp_path / "yesterday").ok
    assert _codes(_check(tmp_path / "yesterday", kept)) == ["log.differs", "head.forked"]
    assert _codes(_check(log, kept)) == []


def test_a_whole_new_log(log: Path, tmp_path: Path) -> None:
    kept = (log / CHECKPOINT).read_bytes()
    closed(tmp_path / "new", COUNT, word="another story")
    assert _codes(_check(tmp_path / "new", kept)) == ["log.differs", "head.forked"]


def test_strip_the_signature(log: Path) -> None:
    text = (log / CHECKPOINT).read_bytes().rpartition(b"\n\n")[0] + b"\n\n"
    (log / CHECKPOINT).write_bytes(text)
    report = _check(log)
    assert _codes(report) == ["note.bad"]
    assert (report.signed_by, report.checkpoint_size) == (None, None)
    _open_halts(log, "ledger.checkpoint-bad")


def test_remove_the_checkpoint(log: Path) -> None:
    (log / CHECKPOINT).unlink()
    assert _codes(_check(log)) == ["checkpoint.missing"]


def test_wrong_key(log: Path, tmp_path: Path) -> None:
    closed(tmp_path / "other", COUNT, key=OTHER_KEY)
    shutil.copy(tmp_path / "other" / CHECKPOINT, log / CHECKPOINT)
    assert _codes(_check(log)) == ["note.unsigned"]
    _open_halts(log, "ledger.checkpoint-bad")


def test_a_signature_of_another_text(log: Path) -> None:
    note = (log / CHECKPOINT).read_bytes()
    (log / CHECKPOINT).write_bytes(note.replace(b"\n600\n", b"\n599\n"))
    assert _codes(_check(log)) == ["note.forged"]
    _open_halts(log, "ledger.checkpoint-bad")


def test_the_log_of_another_box(tmp_path: Path) -> None:
    closed(tmp_path / "log", 5)
    with pytest.raises(Refuse) as caught:
        Ledger.open(tmp_path / "log", "or-4", KEY)
    assert caught.value.code == "key.other-box"


def test_change_a_hash_tile(log: Path) -> None:
    path = log / tile_name(0, 1)
    data = bytearray(path.read_bytes())
    data[32 * 5] ^= 1
    path.write_bytes(data)
    report = _check(log)
    assert _codes(report) == ["tile.differs"]
    assert report.problems[0].index == 256 + 5


def test_remove_hash_tiles(log: Path) -> None:
    (log / tile_name(0, 1)).unlink()
    (log / tile_name(1, 0, 2)).unlink()
    report = _check(log)
    assert [(problem.code, problem.index) for problem in report.problems] == [
        ("tile.damaged", 256),
        ("tile.damaged", 0),
    ]
    _open_halts(log, "ledger.damaged")


def test_cut_whole_bundles_but_forget_the_tiles(log: Path) -> None:
    (log / tile_name(None, 1)).unlink()
    (log / TAIL).write_bytes(b"")
    codes = _codes(_check(log))
    assert "tile.surplus" in codes
    assert "log.truncated" in codes


def test_add_an_entry_that_is_no_leaf(log: Path) -> None:
    with (log / TAIL).open("ab") as tail:
        tail.write(encode_entries([b"{}"]))
    report = _check(log)
    assert _codes(report) == ["leaf.bad"]
    assert report.problems[0].index == COUNT


def test_an_empty_directory_is_not_a_good_log(tmp_path: Path) -> None:
    assert _codes(_check(tmp_path)) == ["log.empty"]


def test_without_a_key_the_hashes_are_still_checked(log: Path) -> None:
    report = check_log(log, None)
    assert report.ok
    assert report.signed_by is None
    _change(log / TAIL, _worded)
    assert _codes(check_log(log, None)) == ["log.differs"]


def test_the_check_writes_nothing(log: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in log.rglob("*")}
    _check(log)
    assert {path: path.stat().st_mtime_ns for path in log.rglob("*")} == before
