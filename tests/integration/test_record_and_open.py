"""The main job, end to end with real processes: record, verify, open, with our tools and stock ones."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from agent.formats.ledger_v1 import LeafType
from tests.fakes.agents import cli, make_box, running, wait_for_segments


def test_synthetic_camera_is_recorded_verified_and_opened(tmp_path: Path) -> None:
    box = make_box(tmp_path)
    with running(box) as agent:
        wait_for_segments(box, 3)
    assert agent.returncode == 0
    report = box.verify()
    assert (report.result, report.problems) == ("ok", ())
    [recording] = report.recordings
    assert recording.closed
    assert recording.verdict == "conforming"
    assert abs(recording.frames - recording.frames_expected) <= 1
    out = tmp_path / "out.mp4"
    opened = cli(
        "open", recording.recording, "-i", str(box.custodian), "-o", str(out), "--vault", str(box.vault),
        *box.access,
    )  # fmt: skip
    assert opened.returncode == 0, opened.stderr
    assert f"{recording.frames} frames" in opened.stderr


@pytest.mark.requires("age", "ffmpeg")
def test_stock_age_and_ffmpeg_open_a_segment(tmp_path: Path) -> None:
    box = make_box(tmp_path)
    with running(box):
        wait_for_segments(box, 2)
    first = box.leaves(LeafType.SEGMENT)[0].body
    directory = box.vault / "recordings" / str(first["recording"])
    key = subprocess.run(
        ["age", "-d", "-i", str(box.custodian), str(directory / "capsule.age")],
        capture_output=True,
        check=True,
    ).stdout
    (tmp_path / "rk.txt").write_bytes(key)
    clear = subprocess.run(
        ["age", "-d", "-i", str(tmp_path / "rk.txt"), str(directory / str(first["name"]))],
        capture_output=True,
        check=True,
    ).stdout
    counted = subprocess.run(
        [
            "ffprobe",
            "-v",
            "error",
            "-count_frames",
            "-show_entries",
            "stream=nb_read_frames",
            "-of",
            "csv=p=0",
            "-",
        ],
        input=clear,
        capture_output=True,
        check=True,
    ).stdout
    assert int(counted) == first["frames"]


def test_wrong_custodian_key_opens_nothing(tmp_path: Path) -> None:
    box = make_box(tmp_path)
    with running(box):
        wait_for_segments(box, 1)
    stranger = tmp_path / "stranger.txt"
    assert cli("keygen", "-o", str(stranger)).returncode == 0
    [recording] = box.verify().recordings
    out = tmp_path / "out.mp4"
    where = ("-o", str(out), "--vault", str(box.vault))
    opened = cli("open", recording.recording, "-i", str(stranger), *where, *box.access)
    assert opened.returncode == 1
    assert "seal.no-matching-key" in opened.stderr
    assert not out.exists()


def test_a_stop_is_a_gap_with_its_cause_in_the_next_recording(tmp_path: Path) -> None:
    box = make_box(tmp_path)
    for segments in (1, 3):
        with running(box):
            wait_for_segments(box, segments)
    [gap] = box.leaves(LeafType.GAP)
    assert gap.body["cause"] == "stopped"
    assert gap.body["channel"] == "ch0"
    assert box.verify().result == "ok-with-gaps"


def test_a_changed_byte_is_named(tmp_path: Path) -> None:
    box = make_box(tmp_path)
    with running(box):
        wait_for_segments(box, 2)
    body = box.leaves(LeafType.SEGMENT)[1].body
    path = box.vault / "recordings" / str(body["recording"]) / str(body["name"])
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    report = box.verify()
    assert report.result == "tampered"
    assert any(str(body["name"]) in problem for problem in report.problems)


def test_a_missing_and_an_injected_file_are_named(tmp_path: Path) -> None:
    box = make_box(tmp_path)
    with running(box):
        wait_for_segments(box, 3)
    body = box.leaves(LeafType.SEGMENT)[1].body
    directory = box.vault / "recordings" / str(body["recording"])
    (directory / str(body["name"])).unlink()
    (directory / "00000099.mp4.age").write_bytes(b"x")
    problems = box.verify().problems
    assert any("is missing" in problem for problem in problems)
    assert any("00000099" in problem and "no ledger leaf" in problem for problem in problems)
