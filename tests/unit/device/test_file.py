"""Recorded files: pace, looping, and files that can't be used."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice, pairwise
from pathlib import Path

import pytest

from agent.device.drivers import open_source
from agent.device.drivers.file import FileSource
from agent.model.errors import Refuse
from agent.model.source_settings import FileSettings, Pace
from tests.fakes.clips import write_clip
from tests.fakes.clock import FakeClock

FRAME_NS = 40_000_000


def test_fast_pace_simulates_arrivals_and_ends(tmp_path: Path) -> None:
    clock = FakeClock()
    path = write_clip(tmp_path / "a.mp4", frames=30)
    packets = list(open_source(FileSettings(path=str(path), pace=Pace.FAST), clock).packets())
    assert [p.arrived_ns - clock.mono_ns() for p in packets] == [n * FRAME_NS for n in range(30)]


def test_real_time_pace_waits_until_each_packet_is_due(tmp_path: Path) -> None:
    clock = FakeClock()
    started = clock.mono_ns()
    path = write_clip(tmp_path / "a.mp4", frames=30)
    source = FileSource(FileSettings(path=str(path)), clock, sleep=clock.advance)
    arrivals = [p.arrived_ns - started for p in source.packets()]
    assert arrivals == [n * FRAME_NS for n in range(30)]


def test_a_loop_goes_on_in_time(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4", frames=30)
    source = open_source(FileSettings(path=str(path), pace=Pace.FAST, loop=True), FakeClock())
    packets = list(islice(source.packets(), 100))
    assert {after.dts - before.dts for before, after in pairwise(packets)} == {512}
    assert {after.arrived_ns - before.arrived_ns for before, after in pairwise(packets)} == {FRAME_NS}
    assert [index for index, p in enumerate(packets) if p.is_key] == [0, 25, 30, 55, 60, 85, 90]
    source.close()


def test_audio_is_reported_and_left_out(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4", frames=30, audio=True)
    source = open_source(FileSettings(path=str(path), pace=Pace.FAST), FakeClock())
    assert source.facts.has_audio
    assert len(list(source.packets())) == 30


def _nothing(path: Path) -> None:
    assert not path.exists()


def _playlist(path: Path) -> None:
    clip = write_clip(path.with_suffix(".ts"), frames=5)
    path.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{clip.name}\n#EXT-X-ENDLIST\n")


def _list(path: Path) -> None:
    clip = write_clip(path.with_suffix(".mp4"), frames=5)
    path.write_text(f"ffconcat version 1.0\nfile {clip.name}\n")


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (_nothing, "source.missing"),
        (lambda path: path.mkdir(), "source.missing"),
        (lambda path: path.write_bytes(b""), "source.empty"),
        (lambda path: path.write_bytes(b"\x8f\x01garbage" * 5000), "source.garbage"),
        (lambda path: path.write_bytes(b"\x00\x00\x00\x18ftypmp42" + bytes(100)), "source.garbage"),
        (_playlist, "source.garbage"),
        (_list, "source.garbage"),
    ],
    ids=["missing", "folder", "empty", "garbage", "header-only", "playlist", "list-of-files"],
)
def test_files_that_are_refused(make: Callable[[Path], object], code: str, tmp_path: Path) -> None:
    path = tmp_path / "in"
    make(path)
    with pytest.raises(Refuse) as caught:
        open_source(FileSettings(path=str(path), pace=Pace.FAST), FakeClock())
    assert caught.value.code == code


def test_a_file_that_is_cut_off_gives_what_it_has(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.ts", frames=50)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    packets = list(open_source(FileSettings(path=str(path), pace=Pace.FAST), FakeClock()).packets())
    assert 10 < len(packets) < 50
