"""Decoded pictures of a file, and the file that masked pictures go into.

Guarantees: only local files of known containers are opened. A picture is readable only when the decoder
called it whole, no packet since the last key frame was lost, and it has the size of the first one. A
written file holds video only: no audio, no captions, no tags, no SEI, times from zero; each written picture
is made new from its samples, so that nothing hangs on it. Leaves out masks: whoever calls
`PictureWriter.write` has masked.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO, cast

import av
import numpy as np
from av import error as averror
from av.bitstream import BitStreamFilterContext
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from agent.deid.masks import Plane
from agent.model.errors import Refuse

_READ = {
    "protocol_whitelist": "file",
    "format_whitelist": "mov,mp4,matroska,webm,mpegts,mpeg,avi,flv,h264,hevc",
}
# bitexact: no name and version of the muxer, no time of writing.
_WRITE = {"fflags": "+bitexact"}
_ENCODER = {"preset": "superfast", "crf": "20", "a53cc": "0", "udu_sei": "0"}
_LIMITED, _FULL = "yuv420p", "yuvj420p"
_UNSPECIFIED = 2  # ISO/IEC 23091-2: primaries, transfer and matrix that nobody has named


@dataclass(frozen=True, slots=True)
class Look:
    """What a player needs to show a picture as before; numbers as in ISO/IEC 23091-2."""

    pixels: str
    range: int
    primaries: int
    transfer: int
    matrix: int
    aspect: Fraction | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FilmFacts:
    """`rate` in frames per second, `time_base` in seconds; streams that are not the video are counted."""

    size: tuple[int, int]
    rate: Fraction
    time_base: Fraction
    look: Look
    audio_streams: int
    other_streams: int


class Picture:
    """One decoded picture. Without `readable` nothing of it may be shown."""

    def __init__(self, number: int, frame: VideoFrame, *, readable: bool) -> None:
        self.number = number
        self.readable = readable
        self.pts = frame.pts
        self._frame = frame

    def rgb(self, size: tuple[int, int]) -> Plane:
        """Red, green and blue at `size` (width, height): what a detector looks at."""
        width, height = size
        scaled = self._frame.reformat(width=width, height=height, format="rgb24", interpolation="BILINEAR")
        return cast(Plane, scaled.to_ndarray())

    def packed(self, pixels: str) -> Plane:
        """The three planes one behind the other, to be written into."""
        return cast(Plane, np.require(self._frame.to_ndarray(format=pixels), np.uint8, ["C", "W"]))


class PictureReader:
    """Reads a film once, from its beginning.

    Raises `Refuse` `deid.source`, `deid.no-picture`, `deid.size`, `deid.rotated`, also while it reads.
    """

    def __init__(self, path: Path) -> None:
        self._name = path.name
        self.lost_packets = 0
        try:
            self._container = av.open(f"file:{path.absolute()}", options=_READ)
        except (averror.FFmpegError, OSError) as error:
            raise _unreadable(path.name, error) from None
        if not self._container.streams.video:
            self._container.close()
            raise _empty(path.name)
        self._video = self._container.streams.video[0]
        self._video.thread_type = "NONE"
        self.announced = self._video.frames
        """How many pictures the container says there are; 0 when it doesn't. Only for showing progress."""
        self._size: tuple[int, int] | None = None
        self._decoded = self._decode()
        try:
            self._first = next(self._decoded, None)
            self.facts = self._facts()
        except BaseException:
            self._container.close()
            raise

    def __enter__(self) -> PictureReader:
        return self

    def __exit__(self, *_: object) -> None:
        self._container.close()

    def pictures(self) -> Iterator[Picture]:
        """Every picture in the order of showing, once."""
        if self._first is not None:
            yield self._first
        yield from self._decoded

    def _decode(self) -> Iterator[Picture]:
        number = 0
        trusted = True
        for frame in self._frames():
            if frame is None:
                trusted = False
                continue
            if frame.rotation:
                raise Refuse(
                    "deid.rotated",
                    f"{self._name} is shown turned by {frame.rotation} degrees: faces would lie",
                    "turn the pictures themselves first",
                )
            size = (frame.width, frame.height)
            self._size = self._size or size
            trusted = (trusted or frame.key_frame) and not frame.is_corrupt
            yield Picture(number, frame, readable=trusted and size == self._size)
            number += 1

    def _frames(self) -> Iterator[VideoFrame | None]:
        """Frames, and None where packets were lost."""
        packets = self._container.demux(self._video)
        while True:
            try:
                packet = next(packets, None)
                if packet is None:
                    return
                lost = packet.is_corrupt
                yield from packet.decode()
            except averror.InvalidDataError:
                lost = True
            except (averror.FFmpegError, OSError) as error:
                raise _unreadable(self._name, error) from None
            if lost:
                self.lost_packets += 1
                yield None

    def _facts(self) -> FilmFacts:
        if self._first is None or self._size is None:
            raise _empty(self._name)
        width, height = self._size
        if width % 2 or height % 2:
            raise Refuse(
                "deid.size",
                f"pictures of {width} by {height} pixels have an odd side",
                "cut one row or column off first: 4:2:0 video has none",
            )
        rate = self._video.average_rate or self._video.guessed_rate
        if not rate or self._video.time_base is None:
            raise Refuse("deid.source", f"{self._name} says no frame rate", "put it into an MP4 file first")
        kinds = [stream.type for stream in self._container.streams]
        return FilmFacts(
            size=self._size,
            rate=Fraction(rate),
            time_base=Fraction(self._video.time_base),
            look=_look(self._video),
            audio_streams=kinds.count("audio"),
            other_streams=len(kinds) - kinds.count("audio") - 1,
        )


class PictureWriter:
    """Encodes masked pictures into an MP4 file on `target`; without `close` nothing can play it."""

    def __init__(self, target: BinaryIO, facts: FilmFacts) -> None:
        self._facts = facts
        self._last_pts = -1
        self._shift: int | None = None
        self._container = av.open(target, "w", format="mp4", options=_WRITE)
        self._stream: VideoStream = self._container.add_stream("libx264", rate=facts.rate, options=_ENCODER)
        context = self._stream.codec_context
        context.width, context.height = facts.size
        context.pix_fmt = facts.look.pixels
        context.time_base = facts.time_base
        context.thread_count = 1
        context.color_range = facts.look.range
        context.color_primaries = facts.look.primaries
        context.color_trc = facts.look.transfer
        context.colorspace = facts.look.matrix
        if facts.look.aspect is not None:
            context.sample_aspect_ratio = facts.look.aspect
        self._stream.time_base = facts.time_base
        self._container.start_encoding()
        # x264 writes its settings as SEI user data, and no SEI is needed to show the pictures.
        self._without_sei = BitStreamFilterContext("filter_units=remove_types=6", self._stream)

    def write(self, packed: Plane, pts: int | None) -> None:
        """One masked picture, shown at `pts` of the source's time base, or right after the last one."""
        frame = VideoFrame.from_ndarray(packed, format=self._facts.look.pixels)
        if pts is not None and self._shift is None:
            self._shift = -pts
        moved = self._last_pts + 1 if pts is None or self._shift is None else pts + self._shift
        self._last_pts = max(moved, self._last_pts + 1)
        frame.pts, frame.time_base = self._last_pts, self._facts.time_base
        self._encode(frame)

    def close(self) -> None:
        """Writes what waits in the encoder, and the index."""
        self._encode(None)
        self._container.close()

    def abandon(self) -> None:
        """Lets go of the file; the caller removes it."""
        self._container.close()

    def _encode(self, frame: VideoFrame | None) -> None:
        for packet in self._stream.encode(frame):
            for clean in self._without_sei.filter(packet):
                clean.stream = self._stream
                self._container.mux(clean)


def _look(video: VideoStream) -> Look:
    context = video.codec_context
    full = context.pix_fmt == _FULL or (context.pix_fmt == _LIMITED and context.color_range == 2)
    is_yuv = (context.pix_fmt or "").startswith("yuv")
    return Look(
        pixels=_FULL if context.pix_fmt == _FULL else _LIMITED,
        range=2 if full else 1,
        primaries=int(context.color_primaries) if is_yuv else _UNSPECIFIED,
        transfer=int(context.color_trc) if is_yuv else _UNSPECIFIED,
        matrix=int(context.colorspace) if is_yuv else _UNSPECIFIED,
        aspect=Fraction(video.sample_aspect_ratio) if video.sample_aspect_ratio else None,
    )


def _unreadable(name: str, error: Exception) -> Refuse:
    return Refuse(
        "deid.source",
        f"the file {name} can't be read as video: {getattr(error, 'strerror', None) or type(error).__name__}",
        "check the file with a player; MP4, Matroska, MPEG-TS, AVI and raw H.264/H.265 are read",
    )


def _empty(name: str) -> Refuse:
    return Refuse("deid.no-picture", f"the file {name} holds no picture", "record or copy it again")
