"""Packs packets into a fragmented MP4 without encoding again.

Guarantees: each piece handed to `sink` is a whole number of boxes, media only as whole fragments, so that
any prefix of pieces plays; a piece's `frames` and `media_end_ns` count from the segment's start; times
start at zero with the first packet; the description stands right behind the `ftyp` box; H.265 is tagged
`hvc1`. Raises `Refuse("media.unmuxable")` for a packet that can't be packed, and whatever `sink` raises.
Leaves out encryption and when to start a new segment.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import av
from av.error import FFmpegError
from av.packet import Packet
from av.video.stream import VideoStream

from agent.capture.bitstream import picture_size
from agent.capture.bitstream.bits import nal_units
from agent.capture.boxes import split_boxes, uuid_box
from agent.model.errors import Refuse
from agent.model.media import Accepted, Captured
from agent.model.spec import Codec
from agent.model.times import NS_PER_S

_BUFFER = 1 << 20  # a whole fragment in one write
_START_CODE = b"\x00\x00\x00\x01"
_PARAMETER_UNITS = {Codec.H264: (0x1F, 0, (7, 8)), Codec.H265: (0x3F, 1, (32, 33, 34))}
_CODECS = {"h264": Codec.H264, "hevc": Codec.H265}


def parameter_sets(codec: Codec, packet: bytes) -> bytes:
    """SPS and PPS (and VPS) in a key-frame packet as Annex B, for `FragmentMux`; empty without any."""
    mask, shift, wanted = _PARAMETER_UNITS[codec]
    units = (unit for unit in nal_units(packet) if unit and (unit[0] >> shift) & mask in wanted)
    return b"".join(_START_CODE + unit for unit in units)


class FragmentMux:
    """One segment file. After a change of size make a new one with the new `parameter_sets`."""

    def __init__(
        self,
        template: object,
        sink: Callable[[Accepted], None],
        *,
        fragment_ns: int = 200_000_000,
        description: bytes,
        parameter_sets: bytes | None = None,
    ) -> None:
        if not isinstance(template, VideoStream):
            raise RuntimeError("the template is no video stream of PyAV")
        self._sink = sink
        self._description: bytes | None = description
        self._pending = bytearray()
        self._offset: int | None = None
        self._closed = False
        self._frames = 0
        self._end_ns = 0
        self._last_step_ns = 0
        options = {
            "movflags": "empty_moov+default_base_moof+skip_trailer",
            "frag_duration": str(fragment_ns // 1000),
            "flush_packets": "1",
            "use_editlist": "0",
        }
        writer = _Writer(self._pending)
        self._container = av.open(writer, "w", format="mp4", options=options, buffer_size=_BUFFER)
        # opaque: from the decoder's parameters, so that no encoder has to be built in.
        self._stream = self._container.add_stream_from_template(template, opaque=True)
        codec = _CODECS[template.codec_context.name]
        if codec is Codec.H265:
            self._stream.codec_context.codec_tag = "hvc1"
        if parameter_sets:
            self._override(codec, parameter_sets, template.codec_context.extradata or b"")

    def add(self, captured: Captured) -> None:
        """Packs one packet; `sink` is called when a fragment is full."""
        packet = captured.packet
        if self._closed or not isinstance(packet, Packet):
            raise RuntimeError("the segment is closed, or this is no packet of PyAV")
        if self._offset is None:
            self._offset = captured.dts
            self._time_base: Fraction = packet.time_base
            self._stream.time_base = packet.time_base
        base = self._time_base
        at_ns = (captured.dts - self._offset) * base.numerator * NS_PER_S // base.denominator
        self._last_step_ns = at_ns - self._end_ns
        self._end_ns = at_ns
        packet.stream = self._stream
        packet.time_base = self._time_base
        packet.pts = captured.pts - self._offset
        packet.dts = captured.dts - self._offset
        try:
            self._container.mux_one(packet)
        except FFmpegError as error:
            raise _unmuxable(error) from error
        if self._pending:
            self._drain()
        self._frames += 1

    def close(self) -> None:
        """Writes the last fragment. Harmless when called again."""
        if self._closed:
            return
        self._closed = True
        self._end_ns += self._last_step_ns
        try:
            self._container.close()
        except FFmpegError as error:
            raise _unmuxable(error) from error
        self._drain()

    def _override(self, codec: Codec, sets: bytes, declared: bytes) -> None:
        """Takes size and decoder configuration from `sets` instead of the template."""
        if declared[:1] == b"\x01":
            raise Refuse(
                "media.unmuxable",
                "the file changes its parameters but keeps packets with lengths instead of start codes",
                "convert the file to one parameter set, or import it in parts",
            )
        size = picture_size(codec, sets)
        context = self._stream.codec_context
        context.extradata = sets
        if size is not None:
            context.width, context.height = size.width, size.height

    def _drain(self) -> None:
        """Hands on all whole boxes, except a `moof` whose `mdat` isn't there yet."""
        whole = 0
        data = bytes(self._pending)
        ftyp_end = 0
        for kind, _start, end in split_boxes(data):
            if kind != b"moof":
                whole = end
            if kind == b"ftyp":
                ftyp_end = end
        if not whole:
            return
        del self._pending[:whole]
        piece = data[:whole]
        if self._description is not None:
            piece = piece[:ftyp_end] + uuid_box(self._description) + piece[ftyp_end:]
            self._description = None
        self._sink(Accepted(piece, self._frames, self._end_ns))


class _Writer:
    """The file object FFmpeg writes to. No seek: the output is a stream."""

    def __init__(self, pending: bytearray) -> None:
        self._pending = pending

    def write(self, data: bytes) -> int:
        self._pending += data
        return len(data)


def _unmuxable(error: FFmpegError) -> Refuse:
    return Refuse(
        "media.unmuxable",
        f"a packet can't be packed into MP4: {error.strerror}",
        "open the source again; if it comes again, check the device's encoder settings",
    )
