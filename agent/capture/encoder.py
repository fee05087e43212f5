"""Crops, scales and encodes pictures, once, to a plan.

Guarantees: one thread; no B-frames and closed groups, so that pictures come out in their order and at once
from the software encoder; a key frame at the beginning and every `gop_s` of media time; each packet has the
time of its picture; colour range, matrix and pixel aspect are in the stream. A hardware encoder is used only
when it has encoded a picture here and now. The caller gives pictures of one size, with growing times, and
reads `template` after the first packet.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from io import BytesIO

import av
from av.codec.context import Flags
from av.error import FFmpegError
from av.filter import Graph
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType, VideoFrame
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter
from av.video.stream import VideoStream

from agent.capture.conform_plan import ConformPlan, encoders
from agent.model.errors import Retry
from agent.model.media import PixelArea
from agent.model.spec import Codec, ColourRange

# superfast: 20.6 CPU s for a minute of 1080p25 at 41.6 dB; ultrafast 10.7 s but 36.9 dB, veryfast 34.8 s
# for the same 41.6 dB. zerolatency: no picture waits in memory. See docs/decisions/0019-conforming.md.
_X264 = {"preset": "superfast", "tune": "zerolatency", "forced-idr": "1", "x264-params": "scenecut=0"}
_X265 = {
    "preset": "ultrafast", "tune": "zerolatency", "forced-idr": "1",
    "x265-params": "scenecut=0:open-gop=0:pools=none:frame-threads=1:log-level=none",
}  # fmt: skip
_OPTIONS = {
    "libx264": _X264,
    "libx265": _X265,
    "h264_nvenc": {"forced-idr": "1", "zerolatency": "1", "delay": "0"},
    "hevc_nvenc": {"forced-idr": "1", "zerolatency": "1", "delay": "0"},
    "h264_qsv": {"forced_idr": "1", "async_depth": "1"},
    "hevc_qsv": {"forced_idr": "1", "async_depth": "1"},
}
_DEMUXERS = {Codec.H264: "h264", Codec.H265: "hevc"}
# H.264 and H.265 table E-4; FFmpeg's AVColorSpace. From this height on a picture without a matrix is BT.709.
_BT709, _SMPTE170M, _RGB, _UNKNOWN = 1, 6, 0, 2
_HD_LINES = 720


def usable_encoder(plan: ConformPlan, failed: frozenset[str], works: Callable[[str], bool]) -> str:
    """The best encoder that works; the last one is not tried, because it is always there.

    Of interlaced pictures only that one is known to say what they are.
    """
    *hardware, software = encoders(plan.codec, failed=failed)
    if plan.interlaced:
        return software
    return next((name for name in hardware if works(name)), software)


class Encoder:
    """One stream, from its first picture to `drain`."""

    def __init__(
        self, plan: ConformPlan, rate: Fraction, time_base: Fraction, failed: frozenset[str]
    ) -> None:
        """`rate` is what the bit rate is reckoned with; encoders in `failed` are not tried."""
        self._plan = plan
        self._rate = rate
        self._time_base = time_base
        self._gop = round(plan.gop_s / time_base)
        self._half_period = round(1 / rate / time_base / 2)
        self._reformatter = VideoReformatter()
        self._crop: tuple[str, Graph] | None = None
        self._context: VideoCodecContext | None = None
        self._key_pts: int | None = None
        self._last_dts: int | None = None
        self._template: VideoStream | None = None
        self.name = usable_encoder(plan, failed, self._works)

    @property
    def template(self) -> VideoStream:
        """The stream's parameters, for a muxer."""
        if self._template is None:
            raise RuntimeError("nothing has come out of the encoder yet")
        return self._template

    @property
    def is_software(self) -> bool:
        """The one that is always there."""
        return self.name == encoders(self._plan.codec)[-1]

    def encode(self, frame: VideoFrame, pts: int) -> Sequence[Packet[VideoStream]]:
        """The packets that come out for one picture. Raises `Retry` `source.encoder`."""
        try:
            if self._context is None:
                self._context = self._opened(self.name, frame)
            picture = self._prepared(frame)
            picture.pts, picture.time_base = pts, self._time_base
            due = self._key_pts is None or pts >= self._key_pts + self._gop - self._half_period
            picture.pict_type = PictureType.I if due else PictureType.NONE
            if due:
                self._key_pts = pts
            return [self._finished(packet) for packet in self._context.encode(picture)]
        except FFmpegError as error:
            raise _broken(self.name, error) from None

    def drain(self) -> Sequence[Packet[VideoStream]]:
        """What is still inside; nothing can be encoded afterwards."""
        context, self._context = self._context, None
        if context is None:
            return ()
        try:
            return [self._finished(packet) for packet in context.encode(None)]
        except FFmpegError as error:
            raise _broken(self.name, error) from None

    def _works(self, name: str) -> bool:
        """Whether this encoder opens on this machine and gives a key frame for a picture."""
        black = VideoFrame(self._plan.width, self._plan.height, "nv12")
        black.pts, black.time_base = 0, self._time_base
        try:
            context = self._opened(name, black)
            packets = [*context.encode(black), *context.encode(None)]
        except (FFmpegError, ValueError):  # ValueError: this build of FFmpeg has none of that name
            return False
        return bool(packets) and packets[0].is_keyframe

    def _opened(self, name: str, first: VideoFrame) -> VideoCodecContext:
        plan = self._plan
        context = av.CodecContext.create(name, "w")
        assert isinstance(context, VideoCodecContext)
        context.width, context.height = plan.width, plan.height
        context.time_base, context.framerate = self._time_base, self._rate
        context.bit_rate = plan.bitrate_bps
        context.gop_size = max(1, round(plan.gop_s * self._rate))
        context.max_b_frames = 0
        if plan.interlaced:
            context.flags |= Flags.interlaced_dct | Flags.interlaced_me
        context.thread_count = 1
        full = self._is_full(first)
        context.pix_fmt = _pixel_format(name, full=full)
        context.color_range = ColorRange.JPEG if full else ColorRange.MPEG
        context.colorspace = self._matrix(first)
        context.sample_aspect_ratio = plan.pixel_aspect
        peak = str(plan.peak_bps)
        context.options = _OPTIONS.get(name, {}) | {"maxrate": peak, "bufsize": peak}
        context.open()
        return context

    def _is_full(self, frame: VideoFrame) -> bool:
        """The spec's range; without one that of the source, so that nothing is lost by converting."""
        if self._plan.colour_range is not None:
            return self._plan.colour_range is ColourRange.FULL
        return _range_of(frame) == ColorRange.JPEG and not frame.format.is_rgb

    def _matrix(self, frame: VideoFrame) -> int:
        if not frame.format.is_rgb and frame.colorspace not in (_RGB, _UNKNOWN):
            return frame.colorspace
        return _BT709 if frame.height >= _HD_LINES else _SMPTE170M

    def _prepared(self, frame: VideoFrame) -> VideoFrame:
        assert self._context is not None
        frame = self._cropped(frame)
        matrix = Colorspace.ITU709 if self._context.colorspace == _BT709 else Colorspace.ITU601
        source = matrix if not frame.format.is_rgb else Colorspace.DEFAULT
        return self._reformatter.reformat(
            frame,
            self._plan.width,
            self._plan.height,
            self._context.pix_fmt,
            src_colorspace=source,
            dst_colorspace=matrix,
            interpolation=Interpolation.AREA if frame.width > self._plan.width else Interpolation.BICUBIC,
            src_color_range=_range_of(frame),
            dst_color_range=self._context.color_range,
            threads=1,
        )

    def _cropped(self, frame: VideoFrame) -> VideoFrame:
        crop = self._plan.crop
        if crop == PixelArea(0, 0, frame.width, frame.height):
            return frame
        if self._crop is None or self._crop[0] != frame.format.name:
            self._crop = (frame.format.name, _crop_graph(frame, crop, self._time_base))
        kept_range = frame.color_range
        graph = self._crop[1]
        graph.vpush(frame)
        cut = graph.vpull()
        cut.color_range = kept_range
        return cut

    def _finished(self, packet: Packet[VideoStream]) -> Packet[VideoStream]:
        """Without reordering the decoding time is the picture's; some hardware says something else."""
        if packet.pts is None or (self._last_dts is not None and packet.pts <= self._last_dts):
            raise _broken(self.name, None)
        packet.time_base = self._time_base
        packet.dts = self._last_dts = packet.pts
        if self._template is None:
            self._template = _stream_of(self._plan.codec, bytes(packet), self._time_base)
        return packet


def _range_of(frame: VideoFrame) -> int:
    if frame.format.name.startswith("yuvj") or frame.format.is_rgb:
        return int(ColorRange.JPEG)
    return int(frame.color_range or ColorRange.MPEG)


def _pixel_format(name: str, *, full: bool) -> str:
    if not name.startswith("lib"):
        return "nv12"
    return "yuvj420p" if full else "yuv420p"


def _crop_graph(frame: VideoFrame, crop: PixelArea, time_base: Fraction) -> Graph:
    graph = Graph()
    graph.threads = 1
    source = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, time_base=time_base
    )
    cut = graph.add("crop", f"{crop.width}:{crop.height}:{crop.x}:{crop.y}:exact=1")
    graph.link_nodes(source, cut, graph.add("buffersink")).configure()
    return graph


def _stream_of(codec: Codec, key_frame: bytes, time_base: Fraction) -> VideoStream:
    """A stream with the parameters in `key_frame`, which stays valid: it belongs to a file never written."""
    with av.open(BytesIO(key_frame), "r", format=_DEMUXERS[codec]) as container:
        nowhere = av.open("detached", "w", format="null")
        copy = nowhere.add_stream_from_template(container.streams.video[0], opaque=True)
    copy.time_base = time_base
    return copy


def _broken(name: str, error: FFmpegError | None) -> Retry:
    return Retry(
        "source.encoder",
        f"the encoder {name} failed: {'its packets are out of order' if error is None else error.strerror}",
        "nothing: the source is opened again by itself; if it comes again, report the device and its mode",
        after_s=1.0,
    )
