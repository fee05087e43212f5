"""A source of pictures for tests of the conform stage: raw, JPEG, H.264 or H.265, of any size and rate.

Guarantees: implements the source port as the drivers do (the template of raw pictures and JPEG is a decoder);
arrivals follow the timestamps from `START_NS` on; the picture's number is in its brightness; a script of
sizes, spoilt packets and a final error is obeyed to the packet. Nothing waits: it is read as fast as it goes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from io import BytesIO
from typing import Any

import av
import numpy as np
from av.codec.context import Flags
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from agent.model.errors import AgentError
from agent.model.media import Captured, StreamFacts
from agent.model.spec import Codec
from agent.model.times import NS_PER_S

TIME_BASE = Fraction(1, 90_000)
START_NS = 1_000 * NS_PER_S
_ENCODERS = {Codec.H264: "libx264", Codec.H265: "libx265", Codec.MJPEG: "mjpeg", Codec.RAW: "rawvideo"}
_DEMUXERS = {Codec.H264: "h264", Codec.H265: "hevc"}


@dataclass(slots=True)
class Pictures:
    """Implements the source port. `sizes` are (first picture, width, height), in order; a coded stream begins
    with a key frame at each. `spoilt` are the numbers of packets that hold garbage, `steps` the units by
    which the source's clock stepped back before a picture. `declared` None: the rate isn't."""

    codec: Codec
    size: tuple[int, int] = (320, 240)
    rate: Fraction = Fraction(25)
    count: int = 50
    declared: Fraction | None = None
    pixel_format: str = "yuv420p"
    b_frames: int = 0
    interlaced: bool = False
    gop: int = 25
    sizes: Sequence[tuple[int, int, int]] = ()
    spoilt: frozenset[int] = frozenset()
    steps: dict[int, int] = field(default_factory=dict)
    audio: bool = False
    failure: AgentError | None = None
    closed: bool = False
    given: int = 0

    @property
    def facts(self) -> StreamFacts:
        return StreamFacts(
            codec=self.codec,
            width=self.size[0],
            height=self.size[1],
            time_base=TIME_BASE,
            declared_rate=self.declared,
            has_audio=self.audio,
            extradata=b"",
        )

    @property
    def template(self) -> object:
        if self.codec in _DEMUXERS:
            first = bytes(self._coded(1, self.size, 0)[0])
            container = av.open(BytesIO(first), "r", format=_DEMUXERS[self.codec])
            nowhere = av.open("detached", "w", format="null")
            stream = nowhere.add_stream_from_template(container.streams.video[0], opaque=True)
            stream.time_base = TIME_BASE
            return stream
        context = av.CodecContext.create(self.codec.value, "r")
        assert isinstance(context, VideoCodecContext)
        context.width, context.height = self.size
        if self.codec is Codec.RAW:
            context.pix_fmt = self.pixel_format
        return context

    def packets(self) -> Iterator[Captured]:
        step = round(1 / self.rate / TIME_BASE)
        number = 0
        for begins, size in self._stretches():
            end = next((first for first, *_ in self.sizes if first > begins), self.count)
            for packet in self._coded(end - begins, size, begins):
                assert packet.pts is not None
                assert packet.dts is not None
                pts, dts = (begins + packet.pts) * step, (begins + packet.dts) * step
                if number in self.spoilt:
                    key = packet.is_keyframe
                    garbage: Packet[Any] = Packet(b"\x07" * 64)
                    packet = garbage
                    packet.is_keyframe = key
                packet.time_base = TIME_BASE
                arrived_ns = START_NS + round(number / self.rate * NS_PER_S)
                self.given += 1
                stepped = self.steps.get(number, 0)
                yield Captured(packet, arrived_ns, pts, dts, packet.is_keyframe, packet.size, stepped)
                number += 1
        if self.failure is not None:
            raise self.failure

    def close(self) -> None:
        self.closed = True

    def _stretches(self) -> Iterator[tuple[int, tuple[int, int]]]:
        yield 0, self.size
        for first, width, height in self.sizes:
            yield first, (width, height)

    def _coded(self, count: int, size: tuple[int, int], first: int) -> list[Packet[VideoStream]]:
        context = av.CodecContext.create(_ENCODERS[self.codec], "w")
        assert isinstance(context, VideoCodecContext)
        context.width, context.height = size
        context.time_base, context.framerate = 1 / self.rate, self.rate
        context.pix_fmt = "yuvj420p" if self.codec is Codec.MJPEG else self.pixel_format
        context.thread_count = 1
        if self.codec in _DEMUXERS:
            context.gop_size = self.gop
            context.max_b_frames = self.b_frames
            if self.interlaced:
                context.flags |= Flags.interlaced_dct
            keys = f"keyint={self.gop}:min-keyint={self.gop}:scenecut=0"
            context.options = {
                "preset": "ultrafast", "bf": str(self.b_frames), "x264-params": keys,
                "x265-params": f"{keys}:log-level=none:pools=none:bframes={self.b_frames}",
            }  # fmt: skip
        packets: list[Packet[VideoStream]] = []
        for number in range(count):
            packets += context.encode(picture(first + number, size, context.pix_fmt, number, self.rate))
        return packets + context.encode(None)


def picture(number: int, size: tuple[int, int], pixel_format: str, pts: int, rate: Fraction) -> VideoFrame:
    """One picture: a gradient that moves, brighter with each number."""
    width, height = size
    planar = np.full((height * 3 // 2, width), 128, np.uint8)
    planar[:height] = (np.arange(width)[None, :] // 4 + number * 3) % 200 + 20
    frame = VideoFrame.from_ndarray(planar, format="yuv420p")
    if pixel_format not in ("yuv420p", "yuvj420p"):
        frame = frame.reformat(format=pixel_format)
    elif pixel_format == "yuvj420p":
        frame = frame.reformat(format=pixel_format, src_color_range=2, dst_color_range=2)
    frame.pts, frame.time_base = pts, 1 / rate
    return frame
