"""Decoding a few pictures of a stream, at little cost, and turning each into numbers.

Guarantees: at most one key frame in `check_every_s` is decoded, and once in `burst_every_s` the 15 frames
after it too; no pixel leaves but as numbers; a picture that can't be decoded is counted and never
raises; memory is bounded by the decoder's few pictures. Hostile bytes meet FFmpeg's decoder here, in the
channel process, which holds no keys.

The caller gives every packet of the stream in order, also those that are not looked at.
"""

from __future__ import annotations

import av
import cv2
import numpy as np
from av.error import FFmpegError
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange

from agent.capture import picture
from agent.capture.observed import BurstCheck, PictureCheck
from agent.capture.picture import Plane
from agent.model.media import Captured, StreamFacts
from agent.model.spec import Codec, PictureLimits
from agent.model.times import NS_PER_S

BURST_PICTURES = 16
_DECODERS = {Codec.H264: "h264", Codec.H265: "hevc"}
# 8-bit planar formats whose planes can be read as they are; others are converted first.
_PLANAR = {"yuv420p": False, "yuvj420p": True, "yuv422p": False, "yuvj422p": True, "yuv444p": False}
# Key frames come a little early and late: without this one of two would be missed.
_EARLY = 4


class KeyPictures:
    """Looks at the pictures of one opened source. One thread.

    `take` returns what a packet brought: a check of a picture, a check of a burst, or both, or neither.
    """

    def __init__(self, facts: StreamFacts, limits: PictureLimits) -> None:
        cv2.setNumThreads(1)  # a channel is one thread; eight channels must not start pools
        self._facts = facts
        self._limits = limits
        self._every_ns = _ns(limits.check_every_s)
        self._burst_every_ns = _ns(limits.burst_every_s)
        self._decoder: VideoCodecContext | None = None
        self._checked_ns: int | None = None
        self._burst_ns: int | None = None
        # The newest picture that was looked at, small.
        self.newest: Plane | None = None
        self._burst: list[Plane] = []
        self._burst_packets = 0
        self.undecoded = 0

    def take(self, captured: Captured) -> tuple[PictureCheck | None, BurstCheck | None]:
        """Looks at one packet if its turn has come."""
        burst = None
        if self._burst_packets and (captured.is_key or self._burst_packets >= BURST_PICTURES):
            burst = self._end_burst(captured.arrived_ns)
        if self._burst_packets:
            self._burst_packets += 1
            self._burst += [self._small(frame) for frame in self._decoded(captured)]
        if not captured.is_key or not self._is_due(captured.arrived_ns):
            return None, burst
        return self._check(captured), burst

    def _is_due(self, arrived_ns: int) -> bool:
        if self._every_ns is None:
            return False
        return (
            self._checked_ns is None
            or arrived_ns - self._checked_ns >= self._every_ns - self._every_ns // _EARLY
        )

    def _check(self, captured: Captured) -> PictureCheck | None:
        before_ns, self._checked_ns = self._checked_ns, captured.arrived_ns
        self._close_decoder()
        frames = self._decoded(captured)
        if self._burst_is_due(captured.arrived_ns):
            self._burst_ns = captured.arrived_ns
            self._burst_packets = 1
            if not frames:  # a decoder that reorders hands this one out with a later packet
                frames = self._flush_copy(captured)
        else:
            frames += self._flushed()
        if not frames:
            self.undecoded += 1
            return None
        frame = frames[0]
        luma = self._small(frame)
        numbers = picture.measure(luma, _chroma(frame, luma), self.newest, self._limits.black_luma)
        self.newest = luma
        if self._burst_packets:
            self._burst = [luma]
        return PictureCheck(at_ns=captured.arrived_ns, before_ns=before_ns, numbers=numbers)

    def _burst_is_due(self, arrived_ns: int) -> bool:
        if self._burst_every_ns is None:
            return False
        return self._burst_ns is None or arrived_ns - self._burst_ns >= self._burst_every_ns

    def _end_burst(self, at_ns: int) -> BurstCheck:
        self._burst += [self._small(frame) for frame in self._flushed()]
        pictures, self._burst, self._burst_packets = self._burst, [], 0
        compared, repeats = picture.repeats(pictures)
        return BurstCheck(at_ns=at_ns, compared=compared, repeats=repeats)

    def _decoded(self, captured: Captured) -> list[VideoFrame]:
        """The pictures that come out for one packet; none when it can't be decoded."""
        if self._decoder is None:
            context = av.CodecContext.create(_DECODERS[self._facts.codec], "r")
            assert isinstance(context, VideoCodecContext)
            context.extradata = self._facts.extradata or None
            context.thread_count = 1
            self._decoder = context
        try:
            return self._decoder.decode(Packet(bytes(captured.packet)))
        except FFmpegError:
            return []

    def _flushed(self) -> list[VideoFrame]:
        decoder, self._decoder = self._decoder, None
        if decoder is None:
            return []
        try:
            return decoder.decode(None)
        except FFmpegError:
            return []

    def _flush_copy(self, captured: Captured) -> list[VideoFrame]:
        """The key frame alone, from a decoder of its own, while the burst's decoder goes on."""
        kept, self._decoder = self._decoder, None
        frames = self._decoded(captured) + self._flushed()
        self._decoder = kept
        return frames

    def _close_decoder(self) -> None:
        self._decoder = None

    def _small(self, frame: VideoFrame) -> Plane:
        name = frame.format.name
        full = _PLANAR.get(name, False) or frame.color_range == ColorRange.JPEG
        if name not in _PLANAR:
            frame = frame.reformat(format="gray")
            full = True
        return picture.small_luma(_plane(frame, 0), full_range=full)


def _chroma(frame: VideoFrame, luma: Plane) -> tuple[Plane, Plane] | None:
    if frame.format.name not in _PLANAR:
        return None
    return (
        picture.small_chroma(_plane(frame, 1), luma.shape),
        picture.small_chroma(_plane(frame, 2), luma.shape),
    )


def _plane(frame: VideoFrame, index: int) -> Plane:
    plane = frame.planes[index]
    rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
    return rows[: plane.height, : plane.width]


def _ns(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * NS_PER_S)
