"""One channel process: opens the device, measures, judges, cuts, seals, and tells the keeper.

Guarantees: every packet ends in a sealed segment or in a count of dropped ones; a source that goes away
is opened again on a growing delay; when the keeper dies or says stop, the segment is ended and the
process leaves. Leaves out the ledger, keys of recordings and MQTT, which are the keeper's.
"""

from __future__ import annotations

import os
import resource
import signal
import socket
from collections.abc import Callable

from agent.capture.conform import conformed
from agent.device.drivers import open_source
from agent.formats.ipc_v1 import (
    DeviceTold,
    SettingDifference,
    SourceLost,
    SourceOpened,
    StartRecording,
    StopChannel,
    Stopped,
    ToChannel,
    Trouble,
)
from agent.host.clock import SystemClock
from agent.model.device_report import DeviceReport
from agent.model.errors import AgentError, Halt, Retry
from agent.model.media import CutReason, GapCause
from agent.model.ports.clock import Clock
from agent.model.ports.source import Source
from agent.model.source_settings import FileSettings, Pace, SourceSettings, SyntheticSettings
from agent.runtime.arrival_clock import ArrivalClock
from agent.runtime.channel_settings import ChannelSettings, decode_settings
from agent.runtime.derivative_handover import Tap
from agent.runtime.message_socket import KeeperGone, MessageSocket
from agent.runtime.recorder import Recorder

POLL_NS = 250_000_000
FIRST_RETRY_S = 0.5
LONGEST_RETRY_S = 10.0
START_TIMEOUT_S = 10.0


class _Stop(Exception):
    """The keeper said stop, or a signal came."""


class ChannelProcess:
    """Runs until told to stop. One thread."""

    def __init__(
        self,
        keeper: MessageSocket,
        settings: ChannelSettings,
        clock: Clock,
        random: Callable[[int], bytes],
        tap: Tap | None = None,
    ) -> None:
        """`tap`: who hands the packets on to a derivative."""
        self._keeper = keeper
        self._tap = tap
        self._settings = settings
        self._clock = clock
        self._arrivals = ArrivalClock(clock)
        self._recorder = Recorder(keeper.send, settings, clock, random)
        self._stop_asked = False

    def ask_to_stop(self) -> None:
        """Async-signal safe: only sets a flag."""
        self._stop_asked = True

    def run(self) -> None:
        """Records until the keeper says stop, dies, or a finite source ends."""
        delay_s = FIRST_RETRY_S
        try:
            while True:
                failure = self._one_attempt()
                if failure is None:
                    raise _Stop
                if self._recorder.frames_since_open > 0:
                    delay_s = FIRST_RETRY_S
                after_s = failure.after_s if isinstance(failure, Retry) else LONGEST_RETRY_S
                self._wait(max(delay_s, after_s))
                delay_s = min(delay_s * 2, LONGEST_RETRY_S)
        except _Stop:
            self._recorder.end(CutReason.STOPPED)
            self._keeper.send(Stopped())
        except KeeperGone:
            self._recorder.detach()

    def _one_attempt(self) -> AgentError | None:
        """Opens and records. None when a finite source came to its end, else why it failed."""
        try:
            source = self._opened()
        except AgentError as error:
            self._tell_lost(error)
            return error
        try:
            self._record(source)
        except AgentError as error:
            if error.code.startswith("source."):
                self._recorder.end(CutReason.SOURCE_LOST)
                self._tell_lost(error)
            else:
                self._recorder.fail(CutReason.DISK)
                self._keeper.send(Trouble(code=error.code, text=error.text, advice=error.advice))
            return error
        finally:
            source.close()
            self._arrivals.catch_up(self._recorder.last_arrived_ns)
        self._recorder.end(CutReason.SOURCE_LOST)
        self._keeper.send(
            SourceLost(
                code="source.finished", text="the source came to its end", advice="", cause="", finished=True
            )
        )
        return None

    def _opened(self) -> Source:
        """The source, with what makes its pictures conform around it."""
        source = open_source(self._settings.source, self._arrivals)
        try:
            return conformed(
                source, self._settings.spec, self._arrivals, live=_is_live(self._settings.source)
            )
        except BaseException:
            source.close()
            raise

    def _record(self, source: Source) -> None:
        facts = source.facts
        self._keeper.send(
            SourceOpened(
                codec=facts.codec.value,
                width=facts.width,
                height=facts.height,
                has_audio=facts.has_audio,
                device=None if facts.device is None else device_told(facts.device),
            )
        )
        if not self._recorder.has_recording:
            self._await_recording()
        self._recorder.source_opened(source)
        if self._tap is not None:
            self._tap.opened(source)
        next_poll_ns = 0
        for captured in source.packets():
            if self._tap is not None:
                self._tap.take(captured)
            self._recorder.take(captured)
            now_ns = self._clock.mono_ns()
            if now_ns >= next_poll_ns:
                next_poll_ns = now_ns + POLL_NS
                self._handle(self._keeper.receive(0))

    def _await_recording(self) -> None:
        message = self._keeper.receive(START_TIMEOUT_S)
        self._handle(message)
        if not self._recorder.has_recording:
            raise Halt(
                "channel.no-recording",
                "the keeper opened no recording in time",
                "look at the keeper's log: the vault or the custodians may be the cause",
            )

    def _handle(self, message: ToChannel | None) -> None:
        match message:
            case StartRecording():
                self._recorder.start(message)
            case StopChannel():
                raise _Stop
            case None:
                pass
        if self._stop_asked:
            raise _Stop

    def _wait(self, seconds: float) -> None:
        """Waits while listening to the keeper."""
        deadline_ns = self._clock.mono_ns() + round(seconds * 1e9)
        while True:
            left_s = min(1.0, (deadline_ns - self._clock.mono_ns()) / 1e9)
            if left_s <= 0:
                return
            self._handle(self._keeper.receive(left_s))
            self._recorder.beat()

    def _tell_lost(self, error: AgentError) -> None:
        # A device that is there without a signal is another thing to repair than a device that is not.
        cause = GapCause.SIGNAL_LOST if error.code == "source.no-signal" else GapCause.SOURCE_LOST
        self._keeper.send(
            SourceLost(
                code=error.code, text=error.text, advice=error.advice, cause=cause.value, finished=False
            )
        )


def _is_live(source: SourceSettings) -> bool:
    """Whether pictures come whether or not there is time for them."""
    return not (isinstance(source, FileSettings | SyntheticSettings) and source.pace is Pace.FAST)


def device_told(device: DeviceReport) -> DeviceTold:
    """What a device told, as it is sent to the keeper."""
    found = tuple(
        SettingDifference(setting=one.setting, asked=one.asked, got=one.got, why=one.why.value)
        for one in device.differences
    )
    return DeviceTold(
        manufacturer=device.manufacturer,
        model=device.model,
        firmware=device.firmware,
        serial=device.serial,
        clock_ahead_ms=device.clock_ahead_ms,
        media_profile=device.media_profile,
        written=device.written,
        differences=found,
    )


def main(end: socket.socket, media: socket.socket | None = None) -> None:
    """Entry in the forked child: waits for its settings, then records. `media` leads to a derivative."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    keeper = MessageSocket(end)
    data = keeper.settings(START_TIMEOUT_S)
    if data is None:
        return
    tap = None if media is None else Tap(media, lambda: os.urandom(8).hex())
    process = ChannelProcess(keeper, decode_settings(data), SystemClock(), os.urandom, tap)
    signal.signal(signal.SIGTERM, lambda _number, _frame: process.ask_to_stop())
    process.run()
