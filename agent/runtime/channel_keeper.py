"""Supervision of one channel process: start, listen, start again, stop.

Guarantees: a process that ends by itself is started again within two seconds; one that says nothing for
`HUNG_S` is killed, which costs a recorded gap; a stop waits until the segment is closed, at most
`STOP_S`.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

from agent.formats.ipc_v1 import MAX_BYTES, StopChannel, Stopped, decode_from_channel, encode
from agent.model.errors import AgentError, Halt, Retry
from agent.model.ports.clock import Clock
from agent.runtime.book import Book
from agent.runtime.channel_book import ChannelBook
from agent.runtime.channel_settings import ChannelSettings, encode_settings
from agent.runtime.telemetry import Alarm
from agent.runtime.zygote_client import Child, ZygoteClient

# Longer than opening a silent camera with audio may take: twice FFmpeg's 5 s (device/drivers/rtsp.py).
HUNG_S = 15.0
STOP_S = 8.0
RESTART_S = 0.2
LONGEST_RESTART_S = 2.0


class ChannelKeeper:
    """One named task of the keeper."""

    def __init__(
        self,
        channel: ChannelBook,
        settings: ChannelSettings,
        zygote: ZygoteClient,
        book: Book,
        clock: Clock,
        log: Callable[[str], None],
    ) -> None:
        self.channel = channel
        self._settings = settings
        self._zygote = zygote
        self._book = book
        self._clock = clock
        self._log = log
        self._stopping = asyncio.Event()
        self.child: Child | None = None
        self._died: asyncio.Future[str] | None = None

    def ask_to_stop(self) -> None:
        """The segment is closed, then the process leaves."""
        self._stopping.set()
        if self.child is not None:
            _send(self.child.end, encode(StopChannel()))

    async def run(self) -> None:
        """Until stopped. Raises `Halt` when the book can't be written."""
        delay_s = RESTART_S
        while not self._stopping.is_set():
            try:
                heard = await self._one_life()
            except Retry as error:
                self._refused(error)
                heard = 0
            if self._stopping.is_set() or self.channel.view.finished:
                break
            delay_s = RESTART_S if heard > 10 else min(delay_s * 2, LONGEST_RESTART_S)
            await asyncio.sleep(delay_s)
        self.child = None

    async def _one_life(self) -> int:
        """From fork to end. Returns how many messages were heard."""
        died: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        def on_exit(how: str) -> None:
            if not died.done():
                died.set_result(how)

        child = await self._zygote.spawn(self.channel.config.id, on_exit)
        self.child, self._died = child, died
        self.channel.view.last_heard_mono_ns = self._clock.mono_ns()
        _send(child.end, encode_settings(self._settings))
        if self._stopping.is_set():
            _send(child.end, encode(StopChannel()))
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
            limit_s = STOP_S if self._stopping.is_set() else HUNG_S
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
            order = self.channel.handle(message)
        except Halt:
            raise
        except AgentError as error:
            self._refused(error)
            return False
        if order is not None:
            _send(child.end, encode(order))
        return isinstance(message, Stopped)

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
