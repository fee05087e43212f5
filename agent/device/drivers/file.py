"""Recorded files, at the recorded pace or as fast as they can be read.

Guarantees: only local files of known container kinds are opened, never a playlist that names others;
a file that can't be used is `Refuse`; looping goes on with growing times. With `fast` pace the arrival
is the time at which the packet would have come, and nothing sleeps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event
from typing import TypeAlias

from av import error as averror
from av.packet import Packet
from av.video.stream import VideoStream

from agent.device.drivers.demux import Demuxer, detached, facts_of, open_container, period_of, video_of
from agent.device.drivers.timestamps import TimestampRepair
from agent.model.errors import AgentError, Refuse
from agent.model.media import Captured, StreamFacts
from agent.model.ports.clock import Clock
from agent.model.source_settings import FileSettings, Pace
from agent.model.times import NS_PER_S

_OPTIONS = {
    "protocol_whitelist": "file",
    "format_whitelist": "mov,mp4,matroska,webm,mpegts,mpeg,avi,flv,h264,hevc",
}
_Timed: TypeAlias = "tuple[Packet[VideoStream], int, int]"


def open_source(settings: FileSettings, clock: Clock) -> FileSource:
    """Opens the file and reads its parameters."""
    return FileSource(settings, clock)


class FileSource:
    """Implements the source port. `sleep` is how a real-time source waits."""

    def __init__(
        self, settings: FileSettings, clock: Clock, sleep: Callable[[float], object] | None = None
    ) -> None:
        path = _checked(settings.path)
        self._settings = settings
        self._clock = clock
        self._stopped = Event()
        self._sleep = sleep or self._stopped.wait
        container = open_container(f"file:{path}", _OPTIONS, _translate)
        video = video_of(container)
        self._template = detached(video)
        self._facts = facts_of(video, has_audio=bool(container.streams.audio))
        self._period = period_of(self._facts)
        self._demuxer = Demuxer(container, video, _translate)

    @property
    def facts(self) -> StreamFacts:
        return self._facts

    @property
    def template(self) -> object:
        return self._template

    def packets(self) -> Iterator[Captured]:
        start_ns = self._clock.mono_ns()
        tick = self._facts.time_base * NS_PER_S
        real_time = self._settings.pace == Pace.REAL_TIME
        first: int | None = None
        for packet, pts, dts in self._passes():
            first = dts if first is None else first
            arrived_ns = start_ns + (dts - first) * tick.numerator // tick.denominator
            if real_time:
                late_ns = self._clock.mono_ns() - arrived_ns
                if late_ns < 0:
                    self._sleep(-late_ns / NS_PER_S)
                arrived_ns = self._clock.mono_ns()
            if self._stopped.is_set():
                return
            yield Captured(packet, arrived_ns, pts, dts, packet.is_keyframe, packet.size)

    def close(self) -> None:
        self._stopped.set()
        self._demuxer.close()

    def _passes(self) -> Iterator[_Timed]:
        """The file once, or again and again with each pass behind the last."""
        next_dts: int | None = None
        while True:
            shift: int | None = None
            for packet, pts, dts in self._one_pass():
                if shift is None:
                    shift = 0 if next_dts is None else next_dts - dts
                next_dts = dts + shift + self._period
                yield packet, pts + shift, dts + shift
            if not self._settings.loop or self._demuxer.closed:
                return
            if shift is None:
                raise _empty()
            self._demuxer.rewind()

    def _one_pass(self) -> Iterator[_Timed]:
        repair: TimestampRepair[Packet[VideoStream]] = TimestampRepair(self._period)
        while (packet := self._demuxer.read()) is not None:
            yield from repair.add(packet, packet.pts, packet.dts)
        yield from repair.flush()


def _checked(name: str) -> Path:
    path = Path(name).absolute()
    if not path.is_file():
        # Without its name: this becomes an alarm and a leaf, and people name files after patients (STD 7.2).
        raise Refuse(
            "source.missing", "the source's file is not there", "check the path in the configuration"
        )
    if path.stat().st_size == 0:
        raise _empty()
    return path


def _empty() -> Refuse:
    return Refuse("source.empty", "the source's file holds no video", "record or copy it again")


def _translate(error: averror.FFmpegError) -> AgentError:
    if isinstance(error, averror.PermissionError):
        return Refuse(
            "source.unreadable", "the source's file may not be read", "give the agent's user read access"
        )
    return Refuse(
        "source.garbage",
        f"the source's file is damaged or no video: {error.strerror}",
        "check the file with another player; MP4, Matroska, MPEG-TS, AVI and raw H.264/H.265 are read",
    )
