"""The conform stage around a source: what conforms is not touched, the rest encoded once, all is counted."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from io import BytesIO
from itertools import pairwise
from typing import Any

import av
import numpy as np
import pytest
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange
from av.video.stream import VideoStream

from agent.capture.bitstream import picture_size
from agent.capture.conform import ConformedSource, conformed
from agent.capture.decoder import Decoder
from agent.capture.encoder import Encoder
from agent.capture.fragment_mux import FragmentMux
from agent.capture.watch import StreamWatch
from agent.model.errors import Refuse, Retry
from agent.model.media import Accepted, Captured, Change, DeliveredCounts, PixelArea, StreamFacts
from agent.model.spec import Codec, CollectionSpec, ColourRange, OnNonconforming, Region
from agent.model.times import NS_PER_S
from agent.model.verdict import Grade
from tests.fakes.clock import FakeClock
from tests.fakes.pictures import START_NS, Pictures

SPEC = CollectionSpec(width=320, height=240, rate=Fraction(25))
CONFORM = replace(SPEC, on_nonconforming=OnNonconforming.CONFORM)
LARGE = (640, 480)


def stage(
    source: Pictures, spec: CollectionSpec = CONFORM, clock: FakeClock | None = None, *, live: bool = False
) -> ConformedSource:
    made = conformed(source, spec, clock or FakeClock(), live=live)
    assert isinstance(made, ConformedSource)
    return made


def played(source: ConformedSource) -> tuple[list[Captured], DeliveredCounts]:
    """All that comes out, and what became of all that went in."""
    found = list(source.packets())
    counts = source.take_counts()
    assert counts.frames == len(found) + counts.left_out + counts.undecoded + counts.dropped
    return found, counts


def file_of(source: ConformedSource, packets: Iterable[Captured]) -> bytes:
    """What a segment would hold, made as the recorder makes it."""
    pieces: list[Accepted] = []
    mux: FragmentMux | None = None
    for captured in packets:
        mux = mux or FragmentMux(source.template, pieces.append, description=b"{}")
        mux.add(captured)
    assert mux is not None
    mux.close()
    return b"".join(piece.data for piece in pieces)


def shown(data: bytes) -> Sequence[VideoFrame]:
    with av.open(BytesIO(data), "r") as container:
        assert not container.streams.audio
        return list(container.decode(video=0))


def brightness(frame: VideoFrame) -> float:
    plane = frame.planes[0]
    rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
    return float(rows[:, : plane.width].mean())


def keys(packets: Sequence[Captured]) -> list[int]:
    return [number for number, captured in enumerate(packets) if captured.is_key]


def begun(packets: Sequence[Captured]) -> list[int]:
    return [number for number, captured in enumerate(packets) if captured.begins]


@pytest.mark.parametrize("codec", [Codec.H264, Codec.H265])
def test_what_conforms_comes_through_untouched(codec: Codec) -> None:
    given: list[Captured] = []

    class Watched(Pictures):
        def packets(self) -> Any:
            for captured in super().packets():
                given.append(captured)
                yield captured

    source = Watched(codec, declared=Fraction(25), count=75)
    made = stage(source)
    found, counts = played(made)
    assert all(out is came for out, came in zip(found, given, strict=True))
    assert (counts.left_out, counts.undecoded, counts.dropped) == (0, 0, 0)
    assert made.conformed is None
    assert made.facts == source.facts


def test_a_spec_that_only_flags_leaves_the_source_alone() -> None:
    source = Pictures(Codec.H264, size=LARGE, rate=Fraction(60))
    assert conformed(source, SPEC, FakeClock(), live=True) is source


@pytest.mark.parametrize(
    ("codec", "pixel_format", "full"),
    [
        (Codec.MJPEG, "yuvj420p", True),
        (Codec.RAW, "yuv420p", False),
        (Codec.RAW, "yuyv422", False),
        (Codec.RAW, "uyvy422", False),
        (Codec.RAW, "nv12", False),
        (Codec.RAW, "bgr24", False),
        (Codec.RAW, "gray", False),
    ],
)
def test_raw_pictures_and_jpeg_are_encoded_once(codec: Codec, pixel_format: str, full: bool) -> None:
    source = Pictures(codec, pixel_format=pixel_format, declared=Fraction(25), count=75)
    made = stage(source, SPEC)
    assert (made.facts.codec, made.facts.width, made.facts.height) == (Codec.H264, 320, 240)
    found, _ = played(made)
    assert len(found) == 75
    assert keys(found) == [0, 50]
    said = picture_size(Codec.H264, bytes(found[0].packet))
    assert said is not None
    assert (said.width, said.height, said.sar, said.full_range) == (320, 240, Fraction(1), full)
    for number, captured in enumerate(found):
        assert captured.pts == captured.dts == number * 3600, "each with its own time"
        assert captured.arrived_ns == START_NS + number * NS_PER_S // 25
    made = stage(replace(source), SPEC)
    frames = shown(file_of(made, made.packets()))
    assert len(frames) == 75
    assert brightness(frames[20]) - brightness(frames[0]) == pytest.approx(60 * 255 / 255, abs=12)


@pytest.mark.parametrize(("wanted", "full"), [(ColourRange.LIMITED, False), (ColourRange.FULL, True)])
def test_the_specs_colour_range_is_made_and_said(wanted: ColourRange, full: bool) -> None:
    made = stage(Pictures(Codec.MJPEG, count=5), replace(SPEC, colour_range=wanted))
    first = shown(file_of(made, made.packets()))[0]
    assert (first.color_range == ColorRange.JPEG) is full
    plain = stage(Pictures(Codec.MJPEG, count=5), SPEC)
    as_it_came = brightness(shown(file_of(plain, plain.packets()))[0])
    expected = as_it_came if full else 16 + as_it_came * 219 / 255
    assert brightness(first) == pytest.approx(expected, abs=2)


def test_h265_when_the_spec_asks_for_it() -> None:
    made = stage(Pictures(Codec.RAW, count=60), replace(SPEC, codecs=(Codec.H265,)))
    found, _ = played(made)
    assert made.facts.codec is Codec.H265
    assert keys(found) == [0, 50]
    said = picture_size(Codec.H265, bytes(found[0].packet))
    assert said is not None
    assert (said.width, said.height) == (320, 240)
    again = stage(Pictures(Codec.RAW, count=60), replace(SPEC, codecs=(Codec.H265,)))
    assert len(shown(file_of(again, again.packets()))) == 60


@pytest.mark.parametrize("b_frames", [0, 2])
@pytest.mark.parametrize("codec", [Codec.H264, Codec.H265])
def test_larger_pictures_are_reduced_each_with_its_own_time(codec: Codec, b_frames: int) -> None:
    made = stage(Pictures(codec, size=LARGE, b_frames=b_frames))
    found, _ = played(made)
    assert [captured.pts for captured in found] == [number * 3600 for number in range(50)]
    arrivals = [captured.arrived_ns for captured in found]
    assert arrivals == sorted(arrivals)
    made = stage(Pictures(codec, size=LARGE, b_frames=b_frames))
    frames = shown(file_of(made, made.packets()))
    assert {(frame.width, frame.height) for frame in frames} == {(320, 240)}


def test_what_is_done_is_said() -> None:
    half = Region(left=Fraction(1, 2), top=Fraction(0), width=Fraction(1, 2), height=Fraction(1))
    made = stage(Pictures(Codec.H264, size=(1280, 480), count=5), replace(CONFORM, region=half))
    assert made.conformed is None, "nothing has come yet"
    frames = shown(file_of(made, [next(iter(made.packets()))]))
    assert (frames[0].width, frames[0].height) == (320, 240)
    said = made.conformed
    assert said is not None
    assert set(said.changes) == {Change.SIZE, Change.REGION}
    assert (said.codec, said.width, said.height) == (Codec.H264, 1280, 480)
    assert (said.region, said.encoder) == (PixelArea(640, 0, 640, 480), "libx264")


def test_the_region_is_the_one_that_was_asked_for() -> None:
    """The gradient brightens to the right: the right half is brighter than the left."""
    means = []
    for left in (Fraction(0), Fraction(1, 2)):
        region = Region(left=left, top=Fraction(0), width=Fraction(1, 2), height=Fraction(1))
        made = stage(Pictures(Codec.RAW, size=LARGE, count=2), replace(CONFORM, region=region))
        means.append(brightness(shown(file_of(made, made.packets()))[0]))
    assert means[1] - means[0] == pytest.approx(320 / 4, abs=4)


def test_interlaced_pictures_stay_so_and_their_fields_are_not_mixed() -> None:
    region = Region(left=Fraction(0), top=Fraction(1, 2), width=Fraction(1), height=Fraction(1, 2))
    spec = replace(CONFORM, region=region)
    source = Pictures(Codec.H264, size=LARGE, rate=Fraction(50), declared=Fraction(50), interlaced=True)
    made = stage(source, spec)
    first = next(iter(made.packets()))
    said = picture_size(Codec.H264, bytes(first.packet))
    assert said is not None
    assert (said.width, said.height, said.interlaced) == (640, 240, True)
    assert made.conformed is not None
    assert set(made.conformed.changes) == {Change.REGION, Change.RATE}


def test_a_region_of_pictures_of_unknown_size_is_refused_and_not_recorded_whole() -> None:
    class Silent(Pictures):
        @property
        def facts(self) -> StreamFacts:
            return replace(super().facts, width=0, height=0)

        def packets(self) -> Iterator[Captured]:
            for captured in super().packets():
                bare: Packet[Any] = Packet(b"\x00\x00\x00\x01\x65" + bytes(captured.packet)[-40:])
                yield replace(captured, packet=bare)

    half = Region(left=Fraction(0), top=Fraction(0), width=Fraction(1, 2), height=Fraction(1))
    made = stage(Silent(Codec.H264, size=LARGE), replace(CONFORM, region=half))
    with pytest.raises(Refuse) as caught:
        list(made.packets())
    assert caught.value.code == "source.codec"


def test_a_declared_rate_that_is_too_high_is_reduced_from_the_first_picture_on() -> None:
    source = Pictures(Codec.H264, rate=Fraction(50), declared=Fraction(50), count=300, gop=50)
    found, counts = played(stage(source))
    assert (len(found), counts.left_out) == (150, 150)
    assert counts.rate == 50
    assert {b.pts - a.pts for a, b in pairwise(found)} == {3600}
    assert found[1].left_out == 1


def test_a_rate_that_was_not_declared_is_reduced_when_it_is_known() -> None:
    made = stage(Pictures(Codec.H264, rate=Fraction(50), count=300, gop=50))
    found, counts = played(made)
    # Two seconds and a key frame later: 100 pictures as they came, then every second one.
    assert (begun(found), counts.left_out) == ([100], 100)
    assert found[100].is_key
    assert made.facts.declared_rate == 25


def test_a_declared_rate_that_is_not_delivered_gives_the_own_bits_back() -> None:
    made = stage(Pictures(Codec.H264, declared=Fraction(50), count=125))
    found, counts = played(made)
    [back] = begun(found)
    assert (back, counts.left_out) == (50, 0)
    assert made.conformed is None
    assert made.facts.codec is Codec.H264


def test_raw_pictures_that_are_too_many_are_not_even_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[int] = []
    real = Decoder.decode

    def counting(self: Decoder, captured: Captured) -> Any:
        decoded.append(captured.pts)
        return real(self, captured)

    monkeypatch.setattr(Decoder, "decode", counting)
    found, counts = played(
        stage(Pictures(Codec.RAW, rate=Fraction(50), declared=Fraction(50), count=100), SPEC)
    )
    assert (len(found), counts.left_out, len(decoded)) == (50, 50, 50)


@pytest.mark.parametrize("codec", [Codec.MJPEG, Codec.H264])
def test_another_size_in_mid_stream_begins_anew(codec: Codec) -> None:
    sizes = ((25, 640, 480), (50, 160, 120))
    made = stage(Pictures(codec, sizes=sizes, count=75))
    seen: dict[int, tuple[int, int, bool]] = {}
    found = []
    for number, captured in enumerate(made.packets()):
        found.append(captured)
        if captured.begins:
            seen[number] = (made.facts.width, made.facts.height, made.conformed is not None)
            said = picture_size(Codec.H264, bytes(captured.packet))
            assert said is not None
            assert captured.is_key
    assert len(found) == 75
    coded = codec is Codec.H264
    # H.264 of an allowed size is recorded as it comes; facts of the source stay those of its opening.
    expected = {25: (320, 240, True), 50: (320, 240, False) if coded else (160, 120, True)}
    assert seen == expected


def test_packets_that_cannot_be_decoded_are_counted() -> None:
    found, counts = played(stage(Pictures(Codec.MJPEG, spoilt=frozenset((3, 10, 11))), SPEC))
    assert (len(found), counts.undecoded) == (47, 3)
    lost = {3 * 3600, 10 * 3600, 11 * 3600}
    assert lost.isdisjoint(captured.pts for captured in found)


def test_damaged_packets_of_h264_are_counted_and_nothing_is_made_up() -> None:
    source = Pictures(Codec.H264, size=LARGE, spoilt=frozenset((5, 6, 30)))
    found, counts = played(stage(source))
    assert counts.undecoded >= 3
    assert {5 * 3600, 6 * 3600, 30 * 3600}.isdisjoint(captured.pts for captured in found)


@pytest.mark.parametrize("codec", [Codec.MJPEG, Codec.H264])
def test_a_source_of_garbage_is_given_up(codec: Codec) -> None:
    source = Pictures(codec, size=LARGE, count=200, spoilt=frozenset(range(10, 200)))
    made = stage(source)
    found: list[Captured] = []
    with pytest.raises(Retry) as caught:
        found += made.packets()
    assert caught.value.code == "source.garbage"
    assert source.given <= 100
    assert made.take_counts().undecoded >= 50


def test_pictures_too_small_to_be_encoded_are_refused() -> None:
    made = stage(Pictures(Codec.RAW, size=LARGE, sizes=()), SPEC)
    assert made.facts.width == 320
    small = stage(Pictures(Codec.MJPEG, size=LARGE, sizes=((2, 8, 8),)), SPEC)
    with pytest.raises(Refuse) as caught:
        list(small.packets())
    assert caught.value.code == "source.codec"


def test_what_is_inside_comes_out_before_the_sources_error() -> None:
    gone = Retry("source.lost", "gone", "look", after_s=1.0)
    source = Pictures(Codec.H264, size=LARGE, b_frames=2, count=30, failure=gone)
    made = stage(source)
    found: list[Captured] = []
    with pytest.raises(Retry) as caught:
        found.extend(made.packets())
    assert caught.value is gone
    assert len(found) == 30


def test_a_step_of_the_sources_clock_is_told_although_its_picture_was_left_out() -> None:
    steps = {51: -7 * 90_000}
    source = Pictures(Codec.RAW, rate=Fraction(50), declared=Fraction(50), count=100, steps=steps)
    found, _ = played(stage(source, SPEC))
    assert [captured.pts for captured in found if captured.stepped] == [52 * 1800]


def slow(monkeypatch: pytest.MonkeyPatch, clock: FakeClock, place: type, name: str, cost_s: float) -> None:
    """Makes the work of one method take time on `clock`."""
    real = getattr(place, name)

    def costly(self: Any, *arguments: Any) -> Any:
        clock.advance(cost_s)
        return real(self, *arguments)

    monkeypatch.setattr(place, name, costly)


def test_pictures_are_dropped_before_they_are_encoded_when_there_is_no_time_and_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = FakeClock()
    slow(monkeypatch, clock, Encoder, "encode", 0.060)  # for 40 ms of video
    found, counts = played(stage(Pictures(Codec.MJPEG, count=250), SPEC, clock, live=True))
    assert len(found) == pytest.approx(250 * 40 / 60, abs=10)
    assert counts.dropped == 250 - len(found)


def test_h264_that_cannot_even_be_decoded_in_time_goes_on_at_a_key_frame(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = FakeClock()
    slow(monkeypatch, clock, Decoder, "decode", 0.200)
    found, counts = played(stage(Pictures(Codec.H264, size=LARGE, count=500), CONFORM, clock, live=True))
    numbers = [captured.pts // 3600 for captured in found]
    assert counts.dropped == 500 - len(found)
    assert numbers[0] == 0
    # Decoding takes five times too long: it stops when it is far behind, and begins again at a key frame.
    resumed = [after for before, after in pairwise(numbers) if after - before > 25]
    assert resumed
    assert all(number % 25 == 0 for number in resumed)


def test_a_file_that_is_read_fast_waits_for_the_encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = FakeClock()
    slow(monkeypatch, clock, Encoder, "encode", 10.0)
    found, counts = played(stage(Pictures(Codec.MJPEG, count=100), SPEC, clock, live=False))
    assert (len(found), counts.dropped) == (100, 0)


def test_hardware_that_fails_in_the_middle_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    real, calls = Encoder.encode, []

    def failing(self: Encoder, frame: VideoFrame, pts: int) -> Sequence[Packet[VideoStream]]:
        calls.append(pts)
        if len(calls) == 10:
            raise Retry("source.encoder", "broken", "wait", after_s=1.0)
        return real(self, frame, pts)

    monkeypatch.setattr(Encoder, "encode", failing)
    monkeypatch.setattr(Encoder, "is_software", False)
    made = stage(Pictures(Codec.MJPEG, count=50), SPEC)
    found, counts = played(made)
    assert (len(found), counts.dropped) == (49, 1)
    assert begun(found) == [9]
    assert found[9].is_key


def test_software_that_fails_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(self: Encoder, frame: VideoFrame, pts: int) -> Sequence[Packet[VideoStream]]:
        raise Retry("source.encoder", "broken", "wait", after_s=1.0)

    monkeypatch.setattr(Encoder, "encode", failing)
    with pytest.raises(Retry) as caught:
        list(stage(Pictures(Codec.MJPEG), SPEC).packets())
    assert caught.value.code == "source.encoder"


def test_closing_closes_the_source() -> None:
    source = Pictures(Codec.MJPEG)
    stage(source).close()
    assert source.closed


def test_a_channel_that_records_what_comes_loads_no_encoder() -> None:
    code = (
        "import sys, agent.runtime.channel_process;"
        "names = ('decoder', 'encoder', 'reencoder');"
        "print([name for name in names if f'agent.capture.{name}' in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_pictures_that_are_not_encoded_yet_are_measured_without_looking_at_them() -> None:
    source = Pictures(Codec.RAW, count=60)
    watch = StreamWatch(SPEC)
    watch.opened(source.facts)
    watch.segment_started()
    for captured in source.packets():
        watch.add(captured, captured.dts * NS_PER_S // 90_000, None)
    measurement, verdict = watch.segment()
    assert (measurement.frames, measurement.rate) == (60, Fraction(25))
    [codec] = [finding for finding in verdict.findings if finding.rule == "codec"]
    assert (codec.grade, codec.measured) == (Grade.NONCONFORMING, "rawvideo")
