"""Processor time and memory of conforming one stream: encoding it once, to the spec.

    python -m tests.bench.conforming [--seconds N] [--clip FILE]

Two seconds of pictures are made (tests/bench/clip.py) or read from FILE and brought to the size, coded as the
device would deliver them, and given again and again to the conform stage, which encodes them to
1080p25 at 4 Mbit/s. Only the stage is timed (decoding, scaling, encoding), by the process's own processor
time, on one thread. Prints JSON: processor seconds per minute of video, and the memory that the stage took.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame

from agent.capture.conform import ConformedSource, conformed
from agent.model.media import Captured, StreamFacts
from agent.model.spec import Codec, CollectionSpec, OnNonconforming
from agent.model.times import NS_PER_S
from tests.bench.clip import RATE, make_clip
from tests.bench.processes import memory
from tests.fakes.clock import FakeClock

HD, UHD = (1920, 1080), (3840, 2160)
STEP = 90_000 // RATE
PICTURES = 2 * RATE
SPEC = CollectionSpec(
    width=HD[0], height=HD[1], rate=Fraction(RATE), bitrate_min_bps=3_000_000, bitrate_max_bps=5_000_000,
    on_nonconforming=OnNonconforming.CONFORM,
)  # fmt: skip
QUALITY = "4"  # of JPEG, as FFmpeg counts: that of a usual grabber


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One kind of delivery."""

    name: str
    codec: Codec
    size: tuple[int, int]
    pixel_format: str
    to: Codec = Codec.H264


WAYS = (
    Way(name="1080p25 raw (YUYV) to H.264", codec=Codec.RAW, size=HD, pixel_format="yuyv422"),
    Way(name="1080p25 raw (NV12) to H.264", codec=Codec.RAW, size=HD, pixel_format="nv12"),
    Way(name="1080p25 MJPEG to H.264", codec=Codec.MJPEG, size=HD, pixel_format="yuvj422p"),
    Way(name="4K25 H.264 to 1080p25 H.264", codec=Codec.H264, size=UHD, pixel_format="yuv420p"),
    Way(name="1080p25 MJPEG to H.265", codec=Codec.MJPEG, size=HD, pixel_format="yuvj422p", to=Codec.H265),
)


class Repeated:
    """A source that gives the same packets again and again, with times that go on."""

    def __init__(self, way: Way, packets: Sequence[Packet[Any]], seconds: int) -> None:
        self._way = way
        self._packets = packets
        self._seconds = seconds

    @property
    def facts(self) -> StreamFacts:
        width, height = self._way.size
        return StreamFacts(
            codec=self._way.codec, width=width, height=height, time_base=Fraction(1, 90_000),
            declared_rate=Fraction(RATE), has_audio=False, extradata=b"",
        )  # fmt: skip

    @property
    def template(self) -> object:
        context = av.CodecContext.create(self._way.codec.value, "r")
        assert isinstance(context, VideoCodecContext)
        context.width, context.height = self._way.size
        if self._way.codec is Codec.RAW:
            context.pix_fmt = self._way.pixel_format
        return context

    def packets(self) -> Iterator[Captured]:
        for number in range(self._seconds * RATE):
            packet = self._packets[number % len(self._packets)]
            packet.time_base = Fraction(1, 90_000)
            pts = number * STEP
            yield Captured(packet, number * NS_PER_S // RATE, pts, pts, packet.is_keyframe, packet.size)

    def close(self) -> None:
        """Nothing to let go of."""


def delivered(way: Way, frames: Sequence[VideoFrame]) -> list[Packet[Any]]:
    """The pictures, coded as a device would."""
    encoder = {Codec.H264: "libx264", Codec.MJPEG: "mjpeg", Codec.RAW: "rawvideo"}[way.codec]
    context = av.CodecContext.create(encoder, "w")
    assert isinstance(context, VideoCodecContext)
    context.width, context.height = way.size
    context.pix_fmt = way.pixel_format
    context.time_base, context.framerate = Fraction(1, RATE), Fraction(RATE)
    context.thread_count = 1
    if way.codec is Codec.MJPEG:
        context.options = {"qmin": QUALITY, "qmax": QUALITY}
    if way.codec is Codec.H264:
        context.gop_size, context.max_b_frames, context.bit_rate = PICTURES, 0, 16_000_000
        context.options = {"preset": "veryfast", "tune": "zerolatency"}
    packets: list[Packet[Any]] = []
    for number, frame in enumerate(frames):
        ready = frame.reformat(way.size[0], way.size[1], way.pixel_format)
        ready.pts, ready.time_base, ready.pict_type = number, Fraction(1, RATE), 0
        packets += context.encode(ready)
    return packets + context.encode(None)


def pictures(path: Path) -> list[VideoFrame]:
    found: list[VideoFrame] = []
    with av.open(str(path), "r") as container:
        for frame in container.decode(video=0):
            found.append(frame)
            if len(found) == PICTURES:
                break
    return found


def measured(way: Way, packets: Sequence[Packet[Any]], seconds: int) -> dict[str, float]:
    before = _resident_mib()
    spec = replace(SPEC, codecs=(way.to,))
    source = conformed(Repeated(way, packets, seconds + 2), spec, FakeClock(), live=False)
    assert isinstance(source, ConformedSource)
    size, resident = 0, 0.0
    at = time.process_time()
    for number, captured in enumerate(source.packets()):
        if number == PICTURES:  # imports, first allocations
            resident, size = _resident_mib(), 0
            at = time.process_time()
        size += captured.size
    spent = time.process_time() - at
    return {
        "cpu s per minute": round(spent * 60 / seconds, 1),
        "delivered Mbit/s": round(sum(p.size for p in packets) * 8 * RATE / len(packets) / 1e6, 1),
        "recorded Mbit/s": round(size * 8 / seconds / 1e6, 2),
        "memory MiB": round(resident - before, 1),
    }


def _resident_mib() -> float:
    """What this process holds, without what it has freed and kept."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    return memory(os.getpid()).rss / (1 << 20)


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--clip", type=Path)
    chosen = parser.parse_args(arguments)
    report: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        clip = chosen.clip or make_clip(Path(folder), size=HD, bitrate_bps=8_000_000, seconds=2).mp4
        frames = pictures(clip)
        for way in WAYS:
            report[way.name] = measured(way, delivered(way, frames), chosen.seconds)
    sys.stdout.write(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
