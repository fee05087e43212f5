"""The recorder on a conformed source: what was done is told with each segment and is in the sealed file."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from agent.capture.boxes import read_description
from agent.capture.conform import conformed
from agent.capture.encoder import Encoder
from agent.formats import ipc_v1 as ipc
from agent.model.errors import AgentError
from agent.model.media import CutReason
from agent.model.source_settings import FileSettings
from agent.model.spec import Codec, CollectionSpec, OnNonconforming
from agent.model.times import NS_PER_S
from agent.runtime.channel_settings import ChannelSettings
from agent.runtime.recorder import Recorder
from agent.seal.age_reader import open_bytes
from agent.seal.recording_key import new_key_pair
from tests.fakes.clock import FakeClock
from tests.fakes.pictures import START_NS, Pictures

KEYS = new_key_pair(os.urandom)
RECORDING = "01939f2a-7c00-7abc-8def-0123456789ab"
SPEC = CollectionSpec(
    width=320, height=240, rate=Fraction(25), duplicate_max=None, on_nonconforming=OnNonconforming.CONFORM
)


class Bench:
    """One recording of one source, read as fast as it goes; the clock follows the arrivals."""

    def __init__(self, folder: Path, spec: CollectionSpec = SPEC) -> None:
        self.folder = folder
        self.clock = FakeClock(mono_ns=START_NS)
        self.sent: list[ipc.FromChannel] = []
        self.spec = spec
        settings = ChannelSettings(
            channel="ch0",
            level=4,
            category="dt",
            purpose="test",
            source=FileSettings(path="/nowhere"),
            spec=spec,
            segment_ns=2 * NS_PER_S,
            keep_free_bytes=0,
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

    def run(self, source: Pictures, *, live: bool = False) -> None:
        made = conformed(source, self.spec, self.clock, live=live)
        self.recorder.source_opened(made)
        for captured in made.packets():
            self.clock.advance(max(0, captured.arrived_ns - self.clock.mono_ns()) / NS_PER_S)
            self.recorder.take(captured)
        self.recorder.end(CutReason.SOURCE_LOST)

    def opened(self) -> list[ipc.SegmentOpened]:
        return [message for message in self.sent if isinstance(message, ipc.SegmentOpened)]

    def closed(self) -> list[ipc.SegmentClosed]:
        closed = [message for message in self.sent if isinstance(message, ipc.SegmentClosed)]
        for message in self.sent:
            assert ipc.decode_from_channel(ipc.encode(message)) == message, "the keeper takes it"
        return closed

    def description(self, number: int) -> dict[str, object]:
        """What a segment's plaintext says of itself."""
        plain = plaintext(self.folder / self.closed()[number].name)
        found: dict[str, object] = json.loads(read_description(plain) or b"{}")
        return found


def plaintext(path: Path) -> bytes:
    return open_bytes(path.read_bytes(), [KEYS.identity])


def test_each_segment_says_what_was_done_and_what_came(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.run(Pictures(Codec.H264, size=(640, 480), rate=Fraction(50), declared=Fraction(50), count=300))
    assert [each.measured.frames for each in bench.closed()] == [50, 50, 50]
    assert {(each.measured.width, each.measured.height) for each in bench.closed()} == {(320, 240)}
    for opened, closed in zip(bench.opened(), bench.closed(), strict=True):
        assert opened.conformed is not None
        assert opened.conformed.changes == ("size", "rate")
        assert (opened.conformed.codec, opened.conformed.width, opened.conformed.height) == ("h264", 640, 480)
        assert closed.delivered is not None
        assert closed.delivered.frames == pytest.approx(100, abs=1)
        assert closed.delivered.rate == "50"
        assert closed.delivered.left_out == pytest.approx(50, abs=1)
        assert closed.dropped == 0
        found = {finding.rule: finding.grade for finding in closed.findings}
        assert (found["size"], found["rate"], found["lost"]) == ("conforming",) * 3, "the recorded is judged"
    assert bench.description(1)["conformed"] == {
        "changes": ["size", "rate"], "codec": "h264", "width": 640, "height": 480, "region": None,
        "encoder": "libx264",
    }  # fmt: skip


def test_own_bits_are_said_to_be_so(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.run(Pictures(Codec.H264, declared=Fraction(25), count=100))
    assert {each.conformed for each in bench.opened()} == {None}
    assert {each.delivered for each in bench.closed()} == {None}
    assert "conformed" not in bench.description(0)


def test_a_change_between_own_bits_and_others_is_a_cut_with_its_reason(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.run(Pictures(Codec.H264, rate=Fraction(50), count=400, gop=50))
    reasons = [each.reason for each in bench.closed()]
    assert "conforming" in reasons
    changed = reasons.index("conforming")
    assert [each.conformed is None for each in bench.opened()[: changed + 2]][-2:] == [True, False]
    starts = [each.start_ns for each in bench.opened()]
    assert starts == sorted(starts)
    assert starts[changed + 1] == 2 * NS_PER_S, "the segments join"
    assert sum(each.measured.frames for each in bench.closed()) == 100 + 150


def test_a_size_change_of_what_comes_is_told_where_what_is_recorded_stays(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.run(Pictures(Codec.MJPEG, size=(640, 480), sizes=((25, 1280, 960), (50, 160, 120)), count=75))
    assert [each.reason for each in bench.closed()] == ["conforming", "size-change", "source-lost"]
    came = [each.conformed.width for each in bench.opened() if each.conformed is not None]
    assert came == [640, 1280, 160]
    assert [each.measured.width for each in bench.closed()] == [320, 320, 160]


def test_what_cannot_be_decoded_counts_as_dropped(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.run(Pictures(Codec.MJPEG, spoilt=frozenset((5, 30, 31)), count=50))
    [closed] = bench.closed()
    assert (closed.dropped, closed.measured.frames) == (3, 47)
    assert closed.delivered is not None
    assert closed.delivered.undecoded == 3


def test_what_is_lost_before_a_segment_is_counted_in_the_next(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    with pytest.raises(AgentError):
        bench.run(Pictures(Codec.MJPEG, spoilt=frozenset(range(60)), count=60))
    assert bench.closed() == []
    bench.run(Pictures(Codec.MJPEG, count=25))
    [closed] = bench.closed()
    assert (closed.dropped, closed.measured.frames) == (50, 25)


def test_a_stretch_without_time_to_encode_is_a_gap_of_overload(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = Bench(tmp_path, replace(SPEC, gap_max_s=0.5))
    real = Encoder.encode

    def stuck(self: Encoder, frame: object, pts: int) -> object:
        if pts == 25 * 3600:
            bench.clock.advance(3.0)
        return real(self, frame, pts)  # type: ignore[arg-type]  # handed on as it came

    monkeypatch.setattr(Encoder, "encode", stuck)
    bench.run(Pictures(Codec.MJPEG, count=200), live=True)
    gaps = [message for message in bench.sent if isinstance(message, ipc.GapSeen)]
    assert [gap.cause for gap in gaps] == ["overload"]
    assert sum(each.dropped for each in bench.closed()) > 50
    assert sum(each.dropped + each.measured.frames for each in bench.closed()) == 200
