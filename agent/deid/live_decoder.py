"""Decodes the packets of a running stream and says of each picture whether it may be shown.

Guarantees: one thread; nothing that the bytes do raises. A picture is readable only when the decoder called
it whole and nothing was lost or broken since the last key frame. Errors that decoders paint over are errors
here. Hostile bytes meet FFmpeg's decoders in this process, which holds no keys but public ones. The caller
begins with a key frame, and makes a new decoder where packets are missing.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import av
from av.error import FFmpegError
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame

_NAMES = {"h264": "h264", "h265": "hevc"}
# A decoder that reorders holds back at most 16 pictures (H.264 A.3.1, H.265 A.4): what is older was lost.
_HELD_BACK = 32


@dataclass(frozen=True, slots=True)
class Decoded:
    """A picture, or None for a packet of which none came. `pts` and `arrived_ns` are its packet's."""

    frame: VideoFrame | None
    pts: int
    arrived_ns: int
    readable: bool


class LiveDecoder:
    """Of one stream, from one key frame on."""

    def __init__(self, codec: str, extradata: bytes) -> None:
        context = av.CodecContext.create(_NAMES[codec], "r")
        assert isinstance(context, VideoCodecContext)
        context.thread_count = 1
        context.extradata = extradata or None
        context.options = {"err_detect": "explode"}
        self._context = context
        self._arrivals: dict[int, int] = {}
        self._trusted = False

    def decode(self, data: bytes, pts: int, dts: int, time_base: Fraction, arrived_ns: int) -> list[Decoded]:
        """What comes out for one packet, in the order of showing."""
        packet = Packet(data)
        packet.pts, packet.dts, packet.time_base = pts, dts, time_base
        self._arrivals[pts] = arrived_ns
        try:
            frames = self._context.decode(packet)
        except FFmpegError:
            self._trusted = False
            self._arrivals.pop(pts, None)
            return [Decoded(None, pts, arrived_ns, readable=False)]
        shown = self._shown(frames)
        while len(self._arrivals) > _HELD_BACK:
            lost = next(iter(self._arrivals))
            self._trusted = False
            shown.append(Decoded(None, lost, self._arrivals.pop(lost), readable=False))
        return shown

    def drain(self) -> list[Decoded]:
        """The pictures that are still inside; nothing can be decoded afterwards."""
        try:
            return self._shown(self._context.decode(None))
        except FFmpegError:
            return []

    def _shown(self, frames: list[VideoFrame]) -> list[Decoded]:
        shown = []
        for frame in frames:
            arrived_ns = None if frame.pts is None else self._arrivals.pop(frame.pts, None)
            if frame.pts is None or arrived_ns is None:
                continue  # a second picture for one packet: nothing was promised of it
            self._trusted = (self._trusted or frame.key_frame) and not frame.is_corrupt
            shown.append(Decoded(frame, frame.pts, arrived_ns, readable=self._trusted))
        return shown
