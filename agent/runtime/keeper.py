"""The keeper: boots, supervises one process per channel, keeps the book, feeds the watchdog, stops.

Guarantees: READY only after recovery and never later because of the network; the watchdog is fed only
while every channel's frames become durable or its signal is known to be absent; the first stop signal
closes segments and leaves cleanly, the second leaves now. Never parses media.
"""

from __future__ import annotations

import asyncio
import os
import random as random_module
import resource
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass

from agent import __version__
from agent.formats.config_v1 import AgentConfig
from agent.formats.ledger_v1 import LeafType
from agent.host.notify import SystemdNotifier
from agent.ledger.signing import Verifier
from agent.link.client import Link
from agent.model.errors import AgentError
from agent.model.ids import ChannelId
from agent.model.media import Signal
from agent.model.ports.clock import Clock
from agent.model.times import NS_PER_S
from agent.runtime import status
from agent.runtime.book import Book
from agent.runtime.boot import Booted, ChannelPast, boot, recover, signing_key
from agent.runtime.box_watch import BoxWatch
from agent.runtime.channel_book import ChannelBook
from agent.runtime.channel_keeper import ChannelKeeper
from agent.runtime.link_wiring import make_link
from agent.runtime.load_config import channel_settings, fingerprint
from agent.runtime.telemetry import Alarm
from agent.runtime.tickets import Need, TicketOffice
from agent.runtime.unrecorded import Unrecorded
from agent.runtime.zygote_client import ZygoteClient

TICK_S = 1.0
WATCHDOG_EVERY_TICKS = 5
BOX_EVERY_TICKS = 30
TICKETS_EVERY_TICKS = 5
STATE_EVERY_TICKS = 300
# A channel whose frames have not become durable for this long, with a signal, is stuck.
STUCK_NS = 20 * NS_PER_S
LINK_STOP_S = 5.0


@dataclass(frozen=True, slots=True)
class _Parts:
    """What runs after boot."""

    booted: Booted
    book: Book
    keepers: list[ChannelKeeper]
    watch: BoxWatch
    tickets: TicketOffice | None


class Keeper:
    """One event loop, one thread beside it (the link's)."""

    def __init__(self, config: AgentConfig, clock: Clock, log: Callable[[str], None]) -> None:
        self._config = config
        self._clock = clock
        self._log = log
        self._notifier = SystemdNotifier.from_environment()
        self._stop = asyncio.Event()
        self._signals = 0
        self._link: Link | None = None

    async def run(self) -> None:
        """Until a stop signal. Raises `AgentError` when the box can't boot or the ledger fails."""
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        settings = [channel_settings(self._config, channel) for channel in self._config.channel]
        booted = boot(self._config, self._clock, os.urandom, time.sleep)
        key = signing_key(self._config, os.urandom)
        if self._config.mqtt is not None:
            self._link = make_link(
                self._config,
                self._config.mqtt,
                booted.boot,
                self._clock,
                key.verifier_key,
                random_module.SystemRandom().random,
            )
        notify = self._link.notify if self._link else _nothing
        book = Book(booted.ledger, booted.outbox, self._clock, booted.boot, notify)
        self._enter_boot(booted, book)
        tickets = self._ticket_office(booted, book)
        zygote = ZygoteClient(booted.lock)
        keepers = [
            ChannelKeeper(
                self._channel_book(number, booted, book, tickets), one, zygote, book, self._clock, self._log
            )
            for number, one in enumerate(settings)
        ]
        watch = BoxWatch(self._config.box.vault_dir, self._link, book, self._clock)
        self._install_signals()
        self._notifier.send("READY=1", f"STATUS=recording {len(keepers)} channels")
        if self._link:
            self._link.start()
        try:
            await self._supervise(_Parts(booted, book, keepers, watch, tickets))
        finally:
            self._notifier.send("STOPPING=1")
            zygote.close()
            self._leave(book)

    def _enter_boot(self, booted: Booted, book: Book) -> None:
        book.leaf(
            LeafType.BOOT,
            {"vault": booted.vault_id, "torn": len(booted.ledger.torn)},
            event=True,
        )
        book.leaf(
            LeafType.CONFIGURATION,
            {"sha256": fingerprint(self._config), "agent": __version__},
        )
        recover(self._config.box.vault_dir, booted.past, book)
        book.checkpoint()

    def _ticket_office(self, booted: Booted, book: Book) -> TicketOffice | None:
        if self._config.tickets is None:
            return None
        box, verifier = self._config.box, Verifier(self._config.tickets.authority)
        return TicketOffice(box.state_dir, verifier, box.id, book, booted.past.tickets)

    def _channel_book(
        self, number: int, booted: Booted, book: Book, tickets: TicketOffice | None
    ) -> ChannelBook:
        channel = self._config.channel[number]
        past = booted.past.channels.get(ChannelId(channel.id), ChannelPast())
        return ChannelBook(
            channel,
            vault=self._config.box.vault_dir,
            box=self._config.box.id,
            custodians=self._config.custodians.recipients,
            book=book,
            clock=self._clock,
            random=os.urandom,
            unrecorded=Unrecorded(past.end_wall_ns, past.cause),
            tickets=tickets,
        )

    def _install_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._on_signal)

    def _on_signal(self) -> None:
        self._signals += 1
        if self._signals > 1:
            os._exit(130)
        self._stop.set()

    async def _supervise(self, parts: _Parts) -> None:
        keepers = parts.keepers
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(keeper.run(), name=keeper.channel.config.id) for keeper in keepers]
            ticker = group.create_task(self._tick(parts), name="tick")
            stopper = group.create_task(self._stop.wait(), name="stop")
            if self._all_finite():
                finished = group.create_task(_until_done(tasks), name="finished")
                await asyncio.wait([stopper, finished], return_when=asyncio.FIRST_COMPLETED)
            else:
                await stopper
            for keeper in keepers:
                keeper.ask_to_stop()
            await asyncio.gather(*tasks)
            ticker.cancel()
            stopper.cancel()
        for keeper in keepers:
            keeper.channel.stopped()
        self._write_status(parts, running=False)

    def _all_finite(self) -> bool:
        """True when every source has an end, so that the agent ends by itself (imports, tests)."""
        return all(
            (channel.source.kind == "file" and not channel.source.loop)
            or (channel.source.kind == "synthetic" and channel.source.seconds is not None)
            for channel in self._config.channel
        )

    async def _tick(self, parts: _Parts) -> None:
        keepers, book, watch = parts.keepers, parts.book, parts.watch
        ticks = 0
        while True:
            if ticks % WATCHDOG_EVERY_TICKS == 0 and self._healthy(keepers):
                self._notifier.send("WATCHDOG=1")
            if ticks % BOX_EVERY_TICKS == 0:
                watch.report()
            if ticks % TICKETS_EVERY_TICKS == 0 and parts.tickets is not None:
                parts.tickets.look(map(Need.of, self._config.channel), self._clock.now().wall_ns)
            if ticks % STATE_EVERY_TICKS == 0:
                for keeper in keepers:
                    keeper.channel.publish_state()
            book.tick(busy=any(keeper.channel.recording for keeper in keepers))
            watch.look()
            self._write_status(parts)
            ticks += 1
            await asyncio.sleep(TICK_S)

    def _healthy(self, keepers: list[ChannelKeeper]) -> bool:
        now_ns = self._clock.mono_ns()
        for keeper in keepers:
            view = keeper.channel.view
            if view.signal is Signal.PRESENT and not view.finished:
                newest = max(view.durable_mono_ns or 0, view.opened_mono_ns)
                if now_ns - newest > STUCK_NS:
                    return False
        return True

    def _write_status(self, parts: _Parts, *, running: bool = True) -> None:
        book = parts.book
        snapshot = status.snapshot(
            self._config.box.id,
            parts.booted.boot,
            book,
            parts.keepers,
            self._clock.now(),
            parts.watch.link_facts(),
            running=running,
        )
        try:
            status.write(self._config.box.runtime_dir, snapshot)
        except AgentError as error:
            book.raise_alarm(
                Alarm(
                    entity="_",
                    code="status.unwritable",
                    severity="warning",
                    text=error.text,
                    remedy=error.advice,
                )
            )
        else:
            book.close_alarms("_", "status.")

    def _leave(self, book: Book) -> None:
        book.leaf(LeafType.SHUTDOWN, {"signals": self._signals}, event=True, checkpoint=True)
        if self._link is not None and not self._link.stop(LINK_STOP_S):
            self._log("the broker did not take our goodbye in time; its will speaks for us")


async def _until_done(tasks: list[asyncio.Task[None]]) -> bool:
    await asyncio.wait(tasks)
    return True


def _nothing() -> None:
    return
