"""The recorder of a channel process, driven without processes: cuts, numbers, reports, sealed files."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from fractions import Fraction
from pathlib import Path

import pytest

from agent.device.drivers import open_source
from agent.formats import ipc_v1 as ipc
from agent.model.errors import Retry
from agent.model.media import CutReason
from agent.model.source_settings import Fault, FaultKind, Pace, SyntheticSettings
from agent.model.spec import CollectionSpec
from agent.model.times import NS_PER_S
from agent.runtime.channel_settings import ChannelSettings
from agent.runtime.recorder import Recorder
from agent.seal.recording_key import new_key_pair
from tests.fakes.clock import FakeClock

KEYS = new_key_pair(os.urandom)
RECORDING = "01939f2a-7c00-7abc-8def-0123456789ab"


class Bench:
    """A recorder on a fast synthetic camera whose simulated arrivals move the clock."""

    def __init__(self, folder: Path, *script: Fault, seconds: float = 6, keep_free_bytes: int = 0) -> None:
        self.clock = FakeClock()
        self.sent: list[ipc.FromChannel] = []
        self.folder = folder
        self._source = SyntheticSettings(
            width=160, height=96, pace=Pace.FAST, seconds=seconds, gop_s=0.4, script=script
        )
        settings = ChannelSettings(
            channel="ch0",
            level=4,
            category="dt",
            purpose="test",
            source=self._source,
            spec=CollectionSpec(width=160, height=96, rate=Fraction(25)),
            segment_ns=2 * NS_PER_S,
            keep_free_bytes=keep_free_bytes,
        )
        self.recorder = Recorder(self.sent.append, settings, self.clock, os.urandom)
        self.recorder.start(
            ipc.StartRecording(
                recording=RECORDING,
                directory=str(folder),
                recipient=KEYS.recipient,
                next_number=0,
                epoch_mono_ns=None,
            )
        )

    def frames(self) -> Iterator[int]:
        """Takes frame by frame; between two the test may do something to the clock."""
        with closing(open_source(self._source, self.clock)) as source:
            self.recorder.source_opened(source)
            for number, captured in enumerate(source.packets()):
                missing_ns = captured.arrived_ns - self.clock.mono_ns()
                self.clock.advance(max(0, missing_ns) / NS_PER_S)
                self.recorder.take(captured)
                yield number
        self.recorder.end(CutReason.SOURCE_LOST)

    def run(self) -> None:
        for _ in self.frames():
            pass

    def closed(self) -> list[ipc.SegmentClosed]:
        return [message for message in self.sent if isinstance(message, ipc.SegmentClosed)]

    def opened(self) -> list[ipc.SegmentOpened]:
        return [message for message in self.sent if isinstance(message, ipc.SegmentOpened)]


def test_every_frame_is_in_exactly_one_segment(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.run()
    closed = bench.closed()
    assert [each.number for each in closed] == [0, 1, 2]
    assert [each.measured.frames for each in closed] == [50, 50, 50]
    assert {each.grade for each in closed} == {"conforming"}
    assert [each.reason for each in closed] == ["length", "length", "source-lost"]
    assert [each.start_ns for each in bench.opened()] == [0, 2 * NS_PER_S, 4 * NS_PER_S]
    for each in closed:
        assert (tmp_path / each.name).stat().st_size == each.size_bytes


@pytest.mark.parametrize("step_s", [3600.0, -3600.0, 0.6])
def test_a_clock_step_cuts_at_the_next_key_frame(tmp_path: Path, step_s: float) -> None:
    bench = Bench(tmp_path)
    before = 0
    for number in bench.frames():
        if number == 14:
            before = bench.clock.now().wall_ns
            bench.clock.step_wall(step_s)
    closed, opened = bench.closed(), bench.opened()
    assert closed[0].reason == "clock-step"
    assert closed[0].measured.frames == 20
    assert sum(each.measured.frames for each in closed) == 150, "a step loses no frame"
    assert opened[0].start_wall_ns < before, "old times are not rewritten"
    shift_s = (opened[1].start_wall_ns - opened[0].start_wall_ns) / NS_PER_S
    assert shift_s == pytest.approx(step_s + 0.8, abs=0.05)
    assert opened[1].start_mono_ns - opened[0].start_mono_ns == pytest.approx(0.8 * NS_PER_S, rel=0.01)


def test_a_size_change_cuts_and_is_told_at_once(tmp_path: Path) -> None:
    bench = Bench(
        tmp_path, Fault(kind=FaultKind.SIZE_CHANGE, at_s=2.4, for_s=1.2, value="320x192"), seconds=5
    )
    bench.run()
    assert [(each.width, each.height) for each in bench.opened()] == [
        (160, 96),
        (160, 96),
        (320, 192),
        (160, 96),
    ]
    assert [each.reason for each in bench.closed()][1:3] == ["size-change", "size-change"]
    assert [each.grade for each in bench.closed()] == [
        "conforming",
        "conforming",
        "nonconforming",
        "conforming",
    ]


def test_too_little_room_is_said_before_a_segment_is_begun(tmp_path: Path) -> None:
    bench = Bench(tmp_path, keep_free_bytes=1 << 62)
    with pytest.raises(Retry) as caught:
        bench.run()
    assert caught.value.code == "disk.full"
    assert list(tmp_path.iterdir()) == []


def test_the_keeper_is_gone_and_the_segment_is_whole(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    for number in bench.frames():
        if number == 30:
            break
    told = len(bench.sent)
    bench.recorder.detach()
    assert len(bench.sent) == told, "there is nobody to tell"
    [file] = list(tmp_path.iterdir())
    assert file.name == "00000000.mp4.age"
