"""The auditor's verdict: each attack on a vault at rest is named, with the file, and honest vaults pass.

Story of each test: a vault is recorded and closed, somebody changes it, and `verify_vault` says what.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from agent.model.outgoing import Json
from agent.runtime.verify import VerifyReport, verify_vault
from tests.fakes.clock import FakeClock
from tests.unit.runtime.vaults import FRAMES, SmallBox, enter, write_segment


@pytest.fixture
def box(tmp_path: Path) -> SmallBox:
    return SmallBox(tmp_path)


def tampered(box: SmallBox) -> VerifyReport:
    report = box.verify()
    assert (report.ok, report.result) == (False, "tampered")
    return report


def test_an_honest_vault_is_ok_and_counted(box: SmallBox) -> None:
    names = box.record(segments=2, recordings=2)
    report = box.verify()
    assert (report.ok, report.result, report.problems) == (True, "ok", ())
    assert report.signed_by == "edgeward.box/test-box"
    assert report.checkpoint_size == report.leaves
    assert [one.recording for one in report.recordings] == names
    for one in report.recordings:
        assert (one.channel, one.segments, one.closed) == ("ch0", 2, True)
        assert (one.frames, one.frames_expected, one.gaps) == (2 * FRAMES, 2 * FRAMES, 0)
        assert one.size_bytes == sum(box.file(one.recording, n).stat().st_size for n in range(2))
        assert (one.verdict, one.problems) == ("conforming", ())


def test_a_vault_that_only_has_booted_is_ok(box: SmallBox) -> None:
    with box.running() as run:
        box.begin(run)
    with box.running():
        pass
    report = box.verify()
    assert (report.result, report.recordings[0].segments) == ("ok", 0)


def test_without_a_key_the_hashes_are_checked_and_nobody_signed(box: SmallBox) -> None:
    box.record()
    report = verify_vault(box.vault, None)
    assert (report.result, report.signed_by) == ("ok", None)


def test_an_edited_segment(box: SmallBox) -> None:
    [name] = box.record()
    path = box.file(name, 1)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    assert tampered(box).problems == (
        f"recording {name}: 00000001.mp4.age was changed: its SHA-256 is not the ledger's",
    )


def test_a_deleted_segment(box: SmallBox) -> None:
    [name] = box.record()
    box.file(name, 0).unlink()
    assert tampered(box).problems == (f"recording {name}: 00000000.mp4.age is missing",)


def test_a_truncated_segment(box: SmallBox) -> None:
    [name] = box.record()
    path = box.file(name, 0)
    size = path.stat().st_size
    os.truncate(path, size - 1)
    assert tampered(box).problems == (
        f"recording {name}: 00000000.mp4.age has {size - 1} bytes, the ledger says {size}",
    )


def test_two_segments_that_changed_places(box: SmallBox) -> None:
    [name] = box.record()
    first, second, spare = box.file(name, 0), box.file(name, 1), box.root / "spare"
    first.rename(spare)
    second.rename(first)
    spare.rename(second)
    problems = tampered(box).problems
    assert [problem.split(" has ")[0].split(" was ")[0] for problem in problems] == [
        f"recording {name}: 00000000.mp4.age",
        f"recording {name}: 00000001.mp4.age",
    ]


def test_two_segments_of_one_size_that_changed_places(box: SmallBox) -> None:
    """So that the hash alone tells."""
    with box.running() as run:
        opened = box.begin(run)
        says: dict[str, Json] = {"number": 0, "start_ns": 0}
        stored = [write_segment(opened, number, FakeClock(), says=says) for number in range(2)]
        for one in stored:
            enter(run, opened, one, box.clock)
    with box.running():
        pass
    assert box.verify().result == "ok"
    first, second, spare = box.file(opened.recording, 0), box.file(opened.recording, 1), box.root / "spare"
    if first.stat().st_size != second.stat().st_size:
        pytest.fail("the two files were meant to have one size")
    first.rename(spare)
    second.rename(first)
    spare.rename(second)
    assert tampered(box).problems == tuple(
        f"recording {opened.recording}: 0000000{n}.mp4.age was changed: its SHA-256 is not the ledger's"
        for n in range(2)
    )


def test_a_segment_of_another_recording_played_again(box: SmallBox) -> None:
    one, other = box.record(recordings=2)
    shutil.copyfile(box.file(other, 0), box.file(one, 0))
    [problem] = tampered(box).problems
    assert problem.startswith(f"recording {one}: 00000000.mp4.age ")


@pytest.mark.parametrize("name", ["00000002.mp4.age", "00000099.mp4.age", "note.txt", "capsule.age.new"])
def test_an_injected_file_in_a_closed_recording(box: SmallBox, name: str) -> None:
    [recording] = box.record()
    (box.directory(recording) / name).write_bytes(b"x")
    assert tampered(box).problems == (f"recordings/{recording}/{name}: no ledger leaf names this file",)


def test_an_injected_recording_and_a_stray_file(box: SmallBox) -> None:
    box.record()
    (box.vault / "recordings" / "other").mkdir()
    (box.vault / "recordings" / "other" / "capsule.age").write_bytes(b"x")
    (box.vault / "recordings" / "stray").write_bytes(b"x")
    assert tampered(box).problems == (
        "recordings/other/capsule.age: no ledger leaf names this file",
        "recordings/stray: no ledger leaf names this file",
    )


def test_an_injected_directory_behind_a_link(box: SmallBox, tmp_path: Path) -> None:
    box.record()
    (box.vault / "recordings" / "other").symlink_to(tmp_path / "state")
    assert tampered(box).problems == ("recordings/other: no ledger leaf names this file",)


@pytest.mark.parametrize("name", ["capsule.age", "manifest.json"])
def test_a_changed_or_missing_capsule_or_manifest(box: SmallBox, name: str) -> None:
    [recording] = box.record()
    path = box.directory(recording) / name
    data = path.read_bytes()
    path.write_bytes(data.replace(data[-20:-10], b"0123456789"))
    assert tampered(box).problems == (
        f"recording {recording}: {name} was changed: its SHA-256 is not the ledger's",
    )
    path.unlink()
    assert tampered(box).problems == (f"recording {recording}: {name} is missing",)


def test_a_capsule_of_another_recording(box: SmallBox) -> None:
    one, other = box.record(recordings=2)
    shutil.copyfile(box.directory(other) / "capsule.age", box.directory(one) / "capsule.age")
    assert tampered(box).problems == (
        f"recording {one}: capsule.age was changed: its SHA-256 is not the ledger's",
    )


def test_a_deleted_recording(box: SmallBox) -> None:
    one, other = box.record(recordings=2, segments=1)
    shutil.rmtree(box.directory(one))
    assert tampered(box).problems == tuple(
        f"recording {one}: {name} is missing" for name in ("capsule.age", "manifest.json", "00000000.mp4.age")
    )
    assert box.verify().recordings[1].recording == other


@pytest.mark.parametrize("remove_directory", [True, False])
def test_a_missing_ledger(box: SmallBox, remove_directory: bool) -> None:
    [recording] = box.record(segments=1)
    shutil.rmtree(box.vault / "ledger")
    if not remove_directory:
        (box.vault / "ledger").mkdir()
    report = tampered(box)
    assert report.leaves == 0
    assert report.problems[0] == "there is no log in this directory"
    assert set(report.problems[1:]) == {
        f"recordings/{recording}/{name}: no ledger leaf names this file"
        for name in ("00000000.mp4.age", "capsule.age", "manifest.json")
    }


def test_a_missing_checkpoint(box: SmallBox) -> None:
    box.record()
    (box.vault / "ledger" / "checkpoint").unlink()
    assert tampered(box).problems == ("there are leaves but no checkpoint",)


def test_a_ledger_that_was_cut_short(box: SmallBox) -> None:
    """With the tail go the segments' leaves, so that their files are unexplained too."""
    [recording] = box.record()
    (box.vault / "ledger" / "tail.entries").write_bytes(b"")
    report = tampered(box)
    assert any("only 0 are there" in problem for problem in report.problems)
    assert f"recordings/{recording}/00000000.mp4.age: no ledger leaf names this file" in report.problems


def test_an_edited_leaf(box: SmallBox) -> None:
    box.record()
    path = box.vault / "ledger" / "tail.entries"
    path.write_bytes(path.read_bytes().replace(b'"verdict":"conforming"', b'"verdict":"conforminG"', 1))
    assert any("are not those that the checkpoint covers" in problem for problem in tampered(box).problems)


def test_the_ledger_of_another_box(box: SmallBox, tmp_path: Path) -> None:
    box.record()
    other = SmallBox(tmp_path / "other")
    other.record()
    report = verify_vault(box.vault, other.vkey)
    assert (report.result, report.signed_by) == ("tampered", None)


def test_a_segment_without_a_place_in_the_order(box: SmallBox) -> None:
    with box.running() as run:
        opened = box.begin(run)
        for number in (0, 2):
            enter(run, opened, write_segment(opened, number, box.clock), box.clock)
    with box.running():
        pass
    assert tampered(box).problems == (f"recording {opened.recording}: segment 2 stands where 1 should be",)


def test_a_recording_that_goes_on_is_incomplete_and_not_tampered(box: SmallBox) -> None:
    with box.running() as run:
        opened = box.begin(run)
        enter(run, opened, write_segment(opened, 0, box.clock), box.clock)
        write_segment(opened, 1, box.clock, finish=False)
        run.book.checkpoint()
    report = box.verify()
    assert (report.ok, report.result) == (False, "incomplete")
    assert report.problems == (
        f"recordings/{opened.recording}/00000001.mp4.age: no ledger leaf names this file",
        f"recording {opened.recording}: not closed",
    )
    assert report.recordings[0].verdict is None


def test_a_foreign_file_in_a_recording_that_goes_on_is_tampered(box: SmallBox) -> None:
    with box.running() as run:
        opened = box.begin(run)
        run.book.checkpoint()
    (opened.directory / "note.txt").write_bytes(b"x")
    assert (
        f"recordings/{opened.recording}/note.txt: no ledger leaf names this file" == tampered(box).problems[0]
    )


def test_what_is_in_quarantine_is_explained_by_its_leaf(box: SmallBox) -> None:
    [recording] = box.record()
    (box.directory(recording) / "note.txt").write_bytes(b"x")
    with box.running():
        pass
    assert box.verify().result == "ok"
    assert (box.vault / "quarantine" / recording / "note.txt").read_bytes() == b"x"
