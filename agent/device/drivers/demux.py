"""What the drivers that demux with FFmpeg share: opening, facts, reading, closing.

Guarantees: FFmpeg prints nothing; a foreign exception never leaves (its text holds the URL with the
password) and never hangs on one that does; `close` may be called from any thread and at any time,
because a container is closed by its reader when one is inside. Audio is never handed out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from threading import Lock

import av
import av.logging
from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.video.stream import VideoStream

from agent.model.errors import AgentError, Refuse
from agent.model.media import StreamFacts
from agent.model.spec import Codec

Translate = Callable[[FFmpegError], AgentError]
Timeouts = tuple[float | None, float | None]

_CODECS = {"h264": Codec.H264, "hevc": Codec.H265, "mjpeg": Codec.MJPEG}
_PLAUSIBLE_RATES = (Fraction(1, 10), Fraction(300))
_ASSUMED_RATE = Fraction(25)

av.logging.set_level(None)  # FFmpeg prints URLs; this drops all its output


def open_container(
    name: str, options: dict[str, str], translate: Translate, timeout: Timeouts = (None, None)
) -> InputContainer:
    """Opens `name` for reading; raises what `translate` makes of FFmpeg's error, alone."""
    try:
        return av.open(name, "r", options=options, timeout=timeout, metadata_errors="replace")
    except FFmpegError as error:
        problem = translate(error)
    raise problem  # here, not above: no context with the URL may hang on it


def video_of(container: InputContainer) -> VideoStream:
    """The first video stream; closes the container and raises `Refuse` without one that we can record."""
    advice = "choose a video profile with H.264, H.265 or JPEG on the device"
    video = next(iter(container.streams.video), None)
    if video is None:
        container.close()
        raise Refuse("source.no-video", "the source has no video stream", advice)
    name = video.codec_context.name
    if name not in _CODECS:
        container.close()
        raise Refuse("source.codec", f"the source's codec {name} is not recorded", advice)
    return video


def facts_of(video: VideoStream, *, has_audio: bool) -> StreamFacts:
    """What the stream declares."""
    context = video.codec_context
    return StreamFacts(
        codec=_CODECS[context.name],
        width=context.width,
        height=context.height,
        time_base=time_base_of(video),
        declared_rate=_declared_rate(video),
        has_audio=has_audio,
        extradata=context.extradata or b"",
    )


def detached(video: VideoStream) -> VideoStream:
    """A copy of the stream's parameters that stays valid when the container is closed.

    The stream itself points into the container: a muxer made from it afterwards reads freed memory.
    """
    nowhere = av.open("detached", "w", format="null")  # never started: writes nothing
    copy = nowhere.add_stream_from_template(video, opaque=True)
    copy.time_base = time_base_of(video)
    return copy


def time_base_of(video: VideoStream) -> Fraction:
    """The unit of the stream's timestamps in seconds."""
    return video.time_base or Fraction(1, 90_000)


def period_of(facts: StreamFacts) -> int:
    """The distance of two frames in units of the time base, from the declared rate or an assumed one."""
    return max(1, round(1 / (facts.declared_rate or _ASSUMED_RATE) / facts.time_base))


def _declared_rate(video: VideoStream) -> Fraction | None:
    low, high = _PLAUSIBLE_RATES
    return next((r for r in (video.average_rate, video.guessed_rate) if r and low <= r <= high), None)


class Demuxer:
    """Reads one stream of an open container."""

    def __init__(self, container: InputContainer, video: VideoStream, translate: Translate) -> None:
        self._container = container
        self._video = video
        self._translate = translate
        self._packets: Iterator[Packet[VideoStream]] = container.demux(video)
        self._lock = Lock()
        self.closed = False

    def read(self) -> Packet[VideoStream] | None:
        """The next packet; None at the end or after `close`."""
        with self._lock:
            if self.closed:
                self._container.close()
                return None
            try:
                # An empty packet tells a decoder to flush: the end follows.
                return next((packet for packet in self._packets if packet.size), None)
            except FFmpegError as error:
                problem = self._translate(error)
        raise problem

    def rewind(self) -> None:
        """Back to the start of a file."""
        with self._lock:
            if self.closed:
                return
            try:
                self._container.seek(0)
                self._packets = self._container.demux(self._video)
            except FFmpegError as error:
                problem = self._translate(error)
            else:
                return
        raise problem

    def close(self) -> None:
        """Lets go of the container; when a reader is inside, it does so as soon as it comes back."""
        self.closed = True
        if self._lock.acquire(blocking=False):
            try:
                self._container.close()
            finally:
                self._lock.release()
