"""Supervision of one channel process: start, listen, start again, rest, stop.

Guarantees: no process runs, and no recording is opened, while the plan refuses it or an operator has paused
the channel; these two are independent, and each rest has its own cause. A process that ends by itself is
started again within two seconds; one that says nothing for `HUNG_S` is killed, which costs a recorded gap; a
stop or a rest waits until the segment is closed, at most `STOP_S`. A pause lasts until the channel is
switched on again or the agent starts anew. The caller calls `look` every second.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

from agent.device.profiles import ProfileSet, load_profiles
from agent.formats.ipc_v1 import (
    MAX_BYTES,
    FromChannel,
    SourceOpened,
    StopChannel,
    Stopped,
    decode_from_channel,
    encode,
)
from agent.model.errors import AgentError, Halt, Retry
from agent.model.media import GapCause, Signal
from agent.model.ports.clock import Clock
from agent.model.times import NS_PER_S, Instant
from agent.runtime.book import Book
from agent.runtime.channel_book import ChannelBook
from agent.runtime.channel_settings import ChannelSettings, encode_settings
from agent.runtime.config_commands import ChannelNow
from agent.runtime.derivative_keeper import DerivativeKeeper
from agent.runtime.plan_gate import Allowed, Refused
from agent.runtime.plan_watch import PlanWatch
from agent.runtime.telemetry import Alarm
from agent.runtime.zygote_client import Child, ZygoteClient

# Longer than opening a silent camera with audio may take: twice FFmpeg's 5 s (device/drivers/rtsp.py).
HUNG_S = 15.0
STOP_S = 8.0
RESTART_S = 0.2
LONGEST_RESTART_S = 2.0
# Frames become durable within a second; a camera that is slow to send is not yet one that is lost.
RECORDS_NS = 10 * NS_PER_S


class ChannelKeeper:
    """One named task of the keeper. `profiles` gives the device profiles when the plan needs them."""

    def __init__(
        self,
        channel: ChannelBook,
        settings: ChannelSettings,
        zygote: ZygoteClient,
        book: Book,
        clock: Clock,
        log: Callable[[str], None],
        profiles: Callable[[], ProfileSet] = load_profiles,
        media: socket.socket | None = None,
    ) -> None:
        """`media` is the process's end of the hand-over to a derivative, which `follow` then names."""
        self.channel = channel
        self._settings = settings
        self._zygote = zygote
        self._book = book
        self._clock = clock
        self._log = log
        self._media = media
        self.derivative: DerivativeKeeper | None = None
        self._stopping = asyncio.Event()
        self._paused = False
        self._plan = PlanWatch(channel.config, book, profiles)
        self._answer: Allowed | Refused | None = None
        # The recording that is open, and since when (monotonic); for the plan's longest recording.
        self._open: tuple[str, int] | None = None
        self._renewing = False
        self._wake = asyncio.Event()
        self.child: Child | None = None
        self._died: asyncio.Future[str] | None = None

    def ask_to_stop(self) -> None:
        """The segment is closed, then the process leaves."""
        self._stopping.set()
        self._wake.set()
        self._stop_child()

    def switch(self, on: bool) -> None:
        """Off: the recording is closed and nothing is collected until it is on again."""
        self._paused = not on
        self._wake.set()
        if self._paused:
            self._stop_child()

    def present(self, now_mono_ns: int) -> ChannelNow:
        """How it is at this moment; it records while its newest durable frame is young."""
        view = self.channel.view
        durable_ns = view.durable_mono_ns
        young = durable_ns is not None and now_mono_ns - durable_ns < RECORDS_NS
        return ChannelNow(
            name=self.channel.config.id,
            records=self.channel.recording is not None and young,
            rests=self._rest_cause() is not None or view.finished,
            paused=self._paused,
        )

    def follow(self, derivative: DerivativeKeeper) -> None:
        """Runs and stops with this one, after it."""
        self.derivative = derivative

    def look(self, now: Instant) -> None:
        """Called every second: what the plan says now, and whether the recording has become too long."""
        if self.derivative is not None:
            self.derivative.look(now)
        if self._stopping.is_set() or self.channel.view.finished:
            return
        before = self._rest_cause()
        self._ask(now)
        after = self._rest_cause()
        if after is not before:
            self._wake.set()
        if after is not None and before is None:
            self._stop_child()
        elif after is None and self._is_too_long(now) and not self._renewing:
            self._renewing = True
            self._stop_child()

    async def run(self) -> None:
        """Until stopped. Raises `Halt` when the book can't be written."""
        if self.derivative is None:
            await self._run()
            return
        async with asyncio.TaskGroup() as group:
            group.create_task(self.derivative.run(), name=self.derivative.channel.config.id)
            await self._run()
            self.derivative.ask_to_stop()

    async def _run(self) -> None:
        delay_s = RESTART_S
        while not self._stopping.is_set():
            self._ask(self._clock.now())
            if self._rest_cause() is not None:
                await self._rest()
                delay_s = RESTART_S
                continue
            self._renewing = False
            try:
                heard = await self._one_life()
            except Retry as error:
                self._refused(error)
                heard = 0
            if self._stopping.is_set() or self.channel.view.finished:
                break
            if self._renewing or self._rest_cause() is not None:
                continue
            delay_s = RESTART_S if heard > 10 else min(delay_s * 2, LONGEST_RESTART_S)
            await asyncio.sleep(delay_s)
        self.child = None

    def _ask(self, now: Instant) -> None:
        self._answer = self._plan.ask(now, running=self.channel.recording is not None)

    def _rest_cause(self) -> GapCause | None:
        """Why nothing is collected now; None when it is. An operator's pause is told before the plan's no."""
        if self._paused:
            return GapCause.STOPPED
        return self._answer.cause if isinstance(self._answer, Refused) else None

    def _is_too_long(self, now: Instant) -> bool:
        plan, recording = self.channel.config.plan, self.channel.recording
        if recording is None or plan is None or plan.longest_s is None:
            self._open = None
            return False
        if self._open is None or self._open[0] != recording.recording:
            self._open = (recording.recording, now.mono_ns)
        return now.mono_ns - self._open[1] >= plan.longest_s * NS_PER_S

    async def _rest(self) -> None:
        self.child = None
        self.channel.view.signal = Signal.UNKNOWN
        entered: GapCause | None = None
        while not self._stopping.is_set() and (cause := self._rest_cause()) is not None:
            if cause is not entered:
                entered = cause
                self._close(cause)
                self.channel.publish_state()
            self._wake.clear()
            await self._wake.wait()

    def _close(self, cause: GapCause) -> None:
        """Closes the recording, if one is open; what follows is not recorded for `cause`."""
        self.channel.stopped(cause)

    def _stop_child(self) -> None:
        if self.child is not None:
            _send(self.child.end, encode(StopChannel()))

    async def _one_life(self) -> int:
        """From fork to end. Returns how many messages were heard."""
        died: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        def on_exit(how: str) -> None:
            if not died.done():
                died.set_result(how)

        if self._media is None:
            child = await self._zygote.spawn(self.channel.config.id, on_exit)
        else:
            child = await self._zygote.spawn(self.channel.config.id, on_exit, media=self._media)
        self.child, self._died = child, died
        self.channel.view.last_heard_mono_ns = self._clock.mono_ns()
        _send(child.end, encode_settings(self._settings))
        if self._is_ending():
            self._stop_child()
        heard, left_well = 0, False
        try:
            while True:
                data = await self._next(child)
                if not data:
                    break
                heard += 1
                left_well = self._take(child, data) or left_well
        finally:
            child.end.close()
        how = await died
        if not left_well and not self.channel.view.finished:
            self._log(f"channel {self.channel.config.id}: process ended: {how}")
            self.channel.process_died(how)
            if self._stopping.is_set():
                self.channel.stopped()
        return heard

    async def _next(self, child: Child) -> bytes:
        loop = asyncio.get_running_loop()
        while True:
            limit_s = STOP_S if self._is_ending() else HUNG_S
            try:
                return await asyncio.wait_for(loop.sock_recv(child.end, MAX_BYTES), limit_s)
            except TimeoutError:
                if not self.channel.view.finished:
                    self._log(f"channel {self.channel.config.id}: silent for {limit_s:.0f} s, killed")
                self._zygote.kill(child)
            except ConnectionResetError:
                return b""

    def _take(self, child: Child, data: bytes) -> bool:
        """True when the process said goodbye."""
        try:
            message = decode_from_channel(data)
            if self._is_ours(message):
                return isinstance(message, Stopped)
            order = self.channel.handle(message)
        except Halt:
            raise
        except AgentError as error:
            self._refused(error)
            return False
        if order is not None:
            _send(child.end, encode(order))
        return isinstance(message, Stopped)

    def _is_ours(self, message: FromChannel) -> bool:
        """True when the channel's book is not to hear of it: no recording may open, or it ends here."""
        now = self._clock.now()
        if isinstance(message, SourceOpened):
            if not self._is_ending():
                running = self.channel.recording is not None
                self._answer = self._plan.device_told(message.device, now, running=running)
                if self._rest_cause() is None:
                    return False
                self._stop_child()
        elif isinstance(message, Stopped) and self._is_ending() and not self._stopping.is_set():
            self._close(self._rest_cause() or GapCause.RECORDING_LIMIT)
        else:
            return False
        self.channel.view.last_heard_mono_ns = now.mono_ns
        return True

    def _is_ending(self) -> bool:
        """True when the process has been asked to leave."""
        return self._stopping.is_set() or self._renewing or self._rest_cause() is not None

    def _refused(self, error: AgentError) -> None:
        self._log(f"channel {self.channel.config.id}: {error}")
        self._book.raise_alarm(
            Alarm(
                entity=self.channel.config.id,
                code=error.code,
                severity="critical",
                text=error.text,
                remedy=error.advice,
            )
        )


def _send(end: socket.socket, data: bytes) -> None:
    """A process that has just died is noticed by its end of the socket, not here."""
    try:
        end.send(data)
    except OSError:
        return
