"""Capture devices of this machine by V4L2: grabbers for HDMI, SDI and S-Video, and USB cameras.

Guarantees: identified and set to the spec at every open; pictures bear the driver's own times; the signal is
looked at once a second and when the driver says that the source changed, because a grabber without a signal
goes on delivering something; a silent device is noticed within two seconds. Raw pictures and JPEG are handed
out as they come, with a decoder as `template`: whoever records them encodes them. The caller opens it again
after a `Retry`, at a path that is the same after a replug (`/dev/v4l/by-path/…`).
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from threading import Lock

import av
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.reformatter import ColorRange

from agent.device import v4l2_device as device
from agent.device.drivers.demux import detached
from agent.device.drivers.timestamps import TimestampRepair
from agent.device.identity import is_video_node
from agent.device.v4l2_buffers import Range
from agent.device.v4l2_coded import is_key_frame
from agent.device.v4l2_identity import usb_texts
from agent.device.v4l2_node import KernelNode, VideoNode
from agent.device.v4l2_pixels import KINDS
from agent.device.v4l2_plan import is_same_mode, mode_text
from agent.device.v4l2_setup import Prepared, check_signal, prepare
from agent.device.v4l2_stream import Picture, Stream
from agent.model.errors import AgentError, Refuse, Retry
from agent.model.media import Captured, StreamFacts
from agent.model.ports.clock import Clock
from agent.model.source_settings import V4l2Settings
from agent.model.spec import Codec
from agent.model.times import NS_PER_S

_TIME_BASE = Fraction(1, 1_000_000)  # the kernel's
_ASSUMED_RATE = Fraction(25)
_LOOK_EVERY_NS = NS_PER_S
_SILENCE_NS = 9 * NS_PER_S // 5
# A camera that codes begins with a key frame; one that doesn't has at least one in so many pictures.
_FIRST_KEY_WITHIN = 300


def open_source(settings: V4l2Settings, clock: Clock) -> V4l2Source:
    """Sets the device up; a camera that codes is read until its first key frame."""
    if Path(settings.device).exists() and not is_video_node(Path(settings.device)):
        raise Refuse(
            "source.no-capture",
            f"{settings.device} is not a video device",
            "name its stable link, such as /dev/v4l/by-path/…, or its node, such as /dev/video0",
        )
    return V4l2Source(settings, clock, KernelNode)


class V4l2Source:
    """Implements the source port. `connect` opens the node of a path."""

    def __init__(self, settings: V4l2Settings, clock: Clock, connect: Callable[[str], VideoNode]) -> None:
        self._where = where = settings.device
        self._clock = clock
        self._lock = Lock()
        self._closed = False
        self._released = False
        with _translated(where):
            self._node = connect(where)
        try:
            with _translated(where):
                usb = usb_texts(Path(where))
                self._set_up = prepare(self._node, where, settings.input, settings.spec, usb)
                device.watch_source(self._node, self._set_up.input)
                self._stream = Stream(self._node, self._set_up.shape)
                self._template, extradata = self._decoder()
        except BaseException:
            self._node.close()
            raise
        self._facts = _facts(self._set_up, extradata)
        period = round(1 / (self._set_up.rate or _ASSUMED_RATE) / _TIME_BASE)
        self._repair: TimestampRepair[tuple[Picture, int]] = TimestampRepair(period)

    @property
    def facts(self) -> StreamFacts:
        return self._facts

    @property
    def template(self) -> object:
        """A stream for a codec that is recorded as it comes, else the decoder (`av.VideoCodecContext`)."""
        return self._template

    @property
    def lost(self) -> int:
        """Pictures that the driver says it lost. In the times they leave holes, which are measured."""
        return self._stream.lost

    @property
    def damaged(self) -> int:
        """Pictures that came flagged as damaged, or not whole; they were not handed out."""
        return self._stream.damaged

    def packets(self) -> Iterator[Captured]:
        codec = self._facts.codec
        first_us: int | None = None
        for picture in self._pictures():
            arrived_ns = self._clock.mono_ns()
            time_us = arrived_ns // 1000 if picture.time_us is None else picture.time_us
            first_us = time_us if first_us is None else first_us
            at = time_us - first_us
            for (ready, ready_ns), pts, dts in self._repair.add((picture, arrived_ns), at, at):
                packet = Packet(ready.data)
                packet.pts, packet.dts, packet.time_base = pts, dts, _TIME_BASE
                is_key = packet.is_keyframe = is_key_frame(codec, ready.data)
                yield Captured(packet, ready_ns, pts, dts, is_key, packet.size, self._repair.stepped)

    def close(self) -> None:
        """Lets go of the device; when a reader is inside, it does so as soon as it comes back."""
        self._closed = True
        if self._lock.acquire(blocking=False):
            try:
                self._release()
            finally:
                self._lock.release()

    def _pictures(self) -> Iterator[Picture]:
        """Whole pictures until `close`."""
        with self._reading() as goes_on:
            if goes_on:
                self._stream.start()
        last_ns = looked_ns = self._clock.mono_ns()
        while True:
            with self._reading() as goes_on:
                if not goes_on:
                    return
                picture, changed = self._wait(min(looked_ns + _LOOK_EVERY_NS, last_ns + _SILENCE_NS))
                now_ns = self._clock.mono_ns()
                if changed or now_ns - looked_ns >= _LOOK_EVERY_NS:
                    looked_ns = now_ns
                    self._look()
            if picture is not None:
                last_ns = now_ns
                yield picture
            elif now_ns - last_ns >= _SILENCE_NS:
                raise Retry(
                    "source.stalled",
                    f"{self._where} delivers no pictures",
                    "check its cable and its source; it is opened again by itself",
                    after_s=1.0,
                )

    @contextmanager
    def _reading(self) -> Iterator[bool]:
        """While it is used nobody else lets go of the device; false when it was closed."""
        with self._lock:
            if self._closed:
                self._release()
            with _translated(self._where):
                yield not self._closed
            if self._closed:
                self._release()

    def _wait(self, until_ns: int) -> tuple[Picture | None, bool]:
        """The next picture, if one comes until then, and whether the source changed."""
        ready = self._node.wait((until_ns - self._clock.mono_ns()) / NS_PER_S)
        changed = ready.event and device.take_event(self._node)
        if not ready.picture and not ready.error:
            return None, changed
        try:
            return self._stream.take(), changed
        except OSError as error:
            if error.errno == errno.EIO:  # drivers say so when the signal goes, too
                check_signal(device.look_at_input(self._node, self._set_up.input), self._where)
            raise

    def _look(self) -> None:
        """Raises `Retry` when the signal is gone, or the source sends another mode."""
        seen = device.look_at_input(self._node, self._set_up.input)
        check_signal(seen, self._where)
        before = self._set_up.timings
        if before is None or seen.timings is None or is_same_mode(before, seen.timings):
            return
        raise Retry(
            "source.changed",
            f"the source at {self._where} changed from {mode_text(before)} to {mode_text(seen.timings)}",
            "nothing: it is opened again by itself, in the new mode",
            after_s=0.0,
        )

    def _decoder(self) -> tuple[object, bytes]:
        """The template, and the parameter sets of a stream that is recorded as it comes."""
        shape = self._set_up.shape
        kind = KINDS[shape.fourcc]
        if kind.codec in (Codec.RAW, Codec.MJPEG):
            context = av.CodecContext.create(kind.codec.value, "r")
            assert isinstance(context, VideoCodecContext)
            context.width, context.height = shape.width, shape.height
            if kind.name:
                context.pix_fmt = kind.name
                full = self._set_up.luma is Range.FULL
                context.color_range = ColorRange.JPEG if full else ColorRange.MPEG
            return context, b""
        name = "h264" if kind.codec is Codec.H264 else "hevc"
        with av.open(BytesIO(self._first_key(kind.codec)), "r", format=name) as container:
            stream = detached(container.streams.video[0])
        stream.time_base = _TIME_BASE
        return stream, stream.codec_context.extradata or b""

    def _first_key(self, codec: Codec) -> bytes:
        """Reads to the first key frame, and stops: recording begins with the next one."""
        until_ns = self._clock.mono_ns() + _SILENCE_NS
        self._stream.start()
        try:
            for _ in range(_FIRST_KEY_WITHIN):
                picture, _changed = self._wait(until_ns)
                if picture is not None and is_key_frame(codec, picture.data):
                    return picture.data
                if self._clock.mono_ns() >= until_ns:
                    break
        finally:
            self._stream.stop()
        raise Retry(
            "source.stalled",
            f"{self._where} delivers no key frame",
            "check the camera's load and its USB port; it is opened again by itself",
            after_s=1.0,
        )

    def _release(self) -> None:
        """Called with the lock held."""
        if not self._released:
            self._released = True
            self._stream.stop()
            self._node.close()


def _facts(set_up: Prepared, extradata: bytes) -> StreamFacts:
    return StreamFacts(
        codec=KINDS[set_up.shape.fourcc].codec,
        width=set_up.shape.width,
        height=set_up.shape.height,
        time_base=_TIME_BASE,
        declared_rate=set_up.rate,
        has_audio=False,
        extradata=extradata,
        device=set_up.report,
    )


@contextmanager
def _translated(where: str) -> Iterator[None]:
    """The kernel's errors as ours."""
    try:
        yield
    except OSError as error:
        raise _problem(where, error) from None


def _problem(where: str, error: OSError) -> AgentError:
    match error.errno:
        case errno.ENOENT:
            return Retry(
                "source.missing",
                f"{where} is not there",
                "plug the device in, or correct its path: `ls -l /dev/v4l/by-path`",
                after_s=1.0,
            )
        case errno.EACCES | errno.EPERM:
            return Retry(
                "source.forbidden",
                f"{where} may not be opened by the agent",
                "let the service use it: group video and DeviceAllow=char-video4linux (systemd/README.md)",
                after_s=30.0,
            )
        case errno.EBUSY:
            return Retry(
                "source.busy",
                f"{where} is used by another program",
                "end that program: `fuser -v` with the device's node names it",
                after_s=5.0,
            )
        case errno.ENOSPC:
            return Retry(
                "source.no-bandwidth",
                f"the USB bus has no room for {where}",
                "plug it into another USB port, at best one of a controller of its own",
                after_s=5.0,
            )
        case errno.EINVAL | errno.ENOTTY:
            return Retry(
                "source.refused",
                f"the driver of {where} refuses what a recording needs ({error.strerror})",
                "check the number of its input, then report the device and its driver",
                after_s=10.0,
            )
    return Retry(
        "source.lost",
        f"{where} is gone or broken: {error.strerror or 'no reason given'}",
        "check its cable and its power; it is opened again by itself",
        after_s=1.0,
    )
