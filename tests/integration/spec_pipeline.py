"""A synthetic camera through recorder, messages and the keeper's book, in simulated time.

Guarantees: everything between the camera and the alarm is the real thing (measured, judged, sealed, sent as
bytes, entered in a ledger), except processes and sockets; the clock moves only with the pictures' arrivals,
so that times are media times and the same on every machine. A source that stalls is told as the channel
process tells it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from agent.device.drivers import open_source
from agent.formats import ipc_v1 as ipc
from agent.formats.config_spec import SpecConfig
from agent.model.errors import AgentError
from agent.model.media import CutReason, GapCause
from agent.model.source_settings import Fault, Pace, SyntheticSettings
from agent.model.times import NS_PER_S
from agent.runtime.channel_book import ChannelBook
from agent.runtime.channel_settings import ChannelSettings, decode_settings, encode_settings
from agent.runtime.recorder import Recorder
from agent.runtime.unrecorded import Unrecorded
from tests.unit.runtime.vaults import Run, SmallBox

# The synthetic source says that it has stalled after so long a silence.
STALL_S = 1.8


@dataclass(frozen=True, slots=True)
class Told:
    """An alarm that was raised (or closed: empty text) at a media time in seconds."""

    at_s: float
    code: str
    text: str


class Pipeline:
    """One channel of a small box."""

    def __init__(self, box: SmallBox, run: Run, spec: SpecConfig, segment_s: float = 10.0) -> None:
        [channel] = box.config.channel
        self._box = box
        self.run = run
        self._spec = spec
        self._segment_ns = round(segment_s * NS_PER_S)
        self.book = ChannelBook(
            channel.model_copy(update={"spec": spec}),
            vault=box.vault,
            box=box.config.box.id,
            custodians=box.config.custodians,
            book=run.book,
            clock=box.clock,
            random=os.urandom,
            unrecorded=Unrecorded(None, GapCause.STOPPED),
        )
        self._recorder: Recorder | None = None
        self._start_ns: int | None = None
        self._raised: dict[str, str] = {}
        self.told: list[Told] = []
        self.closed: list[ipc.SegmentClosed] = []

    def play(self, source: SyntheticSettings) -> None:
        """From opening to the end of the source, or until it stalls."""
        settings = ChannelSettings(
            channel="ch0",
            level=4,
            category="dt",
            purpose="test",
            source=replace(source, pace=Pace.FAST),
            spec=self._spec.to_spec(),
            segment_ns=self._segment_ns,
            keep_free_bytes=0,
        )
        settings = decode_settings(encode_settings(settings))
        if self._recorder is None:
            self._recorder = Recorder(self._send, settings, self._box.clock, os.urandom)
        with closing(open_source(settings.source, self._box.clock)) as opened:
            facts = opened.facts
            self._send(
                ipc.SourceOpened(
                    codec=facts.codec.value, width=facts.width, height=facts.height, has_audio=facts.has_audio
                )
            )
            self._recorder.source_opened(opened)
            try:
                for captured in opened.packets():
                    missing_ns = captured.arrived_ns - self._box.clock.mono_ns()
                    self._box.clock.advance(max(0, missing_ns) / NS_PER_S)
                    self._start_ns = self._start_ns or captured.arrived_ns
                    self._recorder.take(captured)
            except AgentError as error:
                self._box.clock.advance(STALL_S)
                self._recorder.end(CutReason.SOURCE_LOST)
                cause = GapCause.SOURCE_LOST.value
                self._send(
                    ipc.SourceLost(
                        code=error.code, text=error.text, advice=error.advice, cause=cause, finished=False
                    )
                )
        self._recorder.end(CutReason.SOURCE_LOST)

    def _send(self, message: ipc.FromChannel) -> None:
        if isinstance(message, ipc.SegmentClosed):
            self.closed.append(message)
        order = self.book.handle(ipc.decode_from_channel(ipc.encode(message)))
        if order is not None and self._recorder is not None and not self._recorder.has_recording:
            self._recorder.start(order)
        self._notice_alarms()

    def _notice_alarms(self) -> None:
        now = {alarm.code: alarm.text for alarm in self.run.book.alarms}
        at_s = (self._box.clock.mono_ns() - (self._start_ns or self._box.clock.mono_ns())) / NS_PER_S
        self.told += [Told(at_s, code, "") for code in self._raised if code not in now]
        self.told += [Told(at_s, code, text) for code, text in now.items() if self._raised.get(code) != text]
        self._raised = now

    def raised(self) -> list[Told]:
        """Alarms in the order in which they were raised."""
        return [told for told in self.told if told.text]

    def advance(self, seconds: float) -> None:
        """Nothing comes for so long."""
        self._box.clock.advance(seconds)


@contextmanager
def pipeline(folder: Path, spec: SpecConfig, segment_s: float = 10.0) -> Iterator[Pipeline]:
    """A fresh box in `folder`."""
    box = SmallBox(folder)
    with box.running() as run:
        yield Pipeline(box, run, spec, segment_s)


def camera(*script: Fault, seconds: float, size: tuple[int, int] = (320, 192)) -> SyntheticSettings:
    """Sends 25 pictures a second, a key frame every second."""
    return SyntheticSettings(width=size[0], height=size[1], seconds=seconds, gop_s=1.0, script=script)
