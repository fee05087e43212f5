"""Decodes a stream that is to be encoded anew, packet by packet.

Guarantees: one thread; a packet that can't be decoded is counted and never raises; a picture bears the pts of
its packet. Hostile bytes meet FFmpeg's decoders here, in the channel process, which holds no keys. The
caller begins with a key frame, and makes a new one where packets were left out.
"""

from __future__ import annotations

from collections.abc import Sequence

import av
from av.error import FFmpegError
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from agent.model.media import Captured, StreamFacts
from agent.model.spec import Codec

_NAMES = {Codec.H264: "h264", Codec.H265: "hevc", Codec.RAW: "rawvideo", Codec.MJPEG: "mjpeg"}


class Decoder:
    """Of one opened source. `template` is the source's: raw pictures need its size and pixel format."""

    def __init__(self, facts: StreamFacts, template: object) -> None:
        context = av.CodecContext.create(_NAMES[facts.codec], "r")
        assert isinstance(context, VideoCodecContext)
        context.thread_count = 1
        context.extradata = facts.extradata or None
        declared = template.codec_context if isinstance(template, VideoStream) else template
        if facts.codec is Codec.RAW and isinstance(declared, VideoCodecContext):
            context.width, context.height = declared.width, declared.height
            context.pix_fmt = declared.pix_fmt
        self._context = context
        self._range = declared.color_range if isinstance(declared, VideoCodecContext) else 0

    def decode(self, captured: Captured) -> Sequence[VideoFrame] | None:
        """The pictures that come out, in the order in which they are shown; None when it can't be decoded."""
        packet = captured.packet
        if not isinstance(packet, Packet):
            raise RuntimeError("this is no packet of PyAV")
        packet.pts, packet.dts = captured.pts, captured.dts
        return self._pictures(packet)

    def drain(self) -> Sequence[VideoFrame]:
        """The pictures that are still inside; nothing can be decoded afterwards."""
        return self._pictures(None) or ()

    def _pictures(self, packet: Packet[VideoStream] | None) -> Sequence[VideoFrame] | None:
        try:
            frames = self._context.decode(packet)
        except FFmpegError:
            return None
        for frame in frames:
            if not frame.color_range:
                frame.color_range = self._range
        return frames
