"""The keeper: boots, supervises one process per channel, keeps the book, feeds the watchdog, stops.

Guarantees: READY only after recovery and never later because of the network; the watchdog is fed only
while every channel's frames become durable or its signal is known to be absent; the first stop signal
closes segments and leaves cleanly, the second leaves now. Never parses media.
"""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import time
from collections.abc import Callable, Sequence

from agent.formats.ledger_v1 import LeafType
from agent.host.notify import SystemdNotifier
from agent.model.errors import AgentError
from agent.model.media import Signal
from agent.model.ports.clock import Clock
from agent.model.times import NS_PER_S
from agent.runtime import status
from agent.runtime.book import Book
from agent.runtime.boot import Booted, boot, recover, signing_key
from agent.runtime.channel_keeper import ChannelKeeper
from agent.runtime.config_commands import configuration_facts
from agent.runtime.effective_config import Effective
from agent.runtime.parts import Assembly, Chore, Parts, save_index
from agent.runtime.telemetry import Alarm

TICK_S = 1.0
WATCHDOG_EVERY_TICKS = 5
# A channel whose frames have not become durable for this long, with a signal, is stuck.
STUCK_NS = 20 * NS_PER_S
LINK_STOP_S = 5.0


class Keeper:
    """One event loop, one thread beside it (the link's)."""

    def __init__(self, chosen: Effective, clock: Clock, log: Callable[[str], None]) -> None:
        self._chosen = chosen
        self._config = chosen.config
        self._clock = clock
        self._log = log
        self._notifier = SystemdNotifier.from_environment()
        self._stop = asyncio.Event()
        self._signals = 0
        self._anew = False

    async def run(self) -> bool:
        """Until a stop signal, or until another configuration is to be tried: then True.

        Raises `AgentError` when the box can't boot or the ledger fails.
        """
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        booted = boot(self._config, self._clock, os.urandom, time.sleep)
        key = signing_key(self._config, os.urandom)
        assembly = Assembly(self._chosen, booted, key, self._clock, self._log, self._begin_anew)
        self._enter_boot(booted, assembly.book)
        parts = assembly.finish()
        self._install_signals()
        await parts.post.open(maintenance=booted.past.commands.maintenance)
        parts.configurations.ready()
        self._notifier.ready(f"recording {len(parts.keepers)} channels")
        if parts.link:
            parts.link.start()
        try:
            await self._supervise(parts)
            if not self._anew:
                self._notifier.send("STOPPING=1")
        finally:
            parts.zygote.close()
            await parts.post.close()
            self._leave(parts)
        return self._anew and self._signals == 0

    def prepare_restart(self) -> None:
        """Tells systemd that the same process is about to start anew, which may take it a while."""
        self._notifier.starting_anew(self._clock.mono_ns())

    def _enter_boot(self, booted: Booted, book: Book) -> None:
        book.leaf(
            LeafType.BOOT,
            {"vault": booted.vault_id, "torn": len(booted.ledger.torn)},
            event=True,
        )
        book.leaf(LeafType.CONFIGURATION, configuration_facts(self._chosen), event=True)
        recover(self._config.box.vault_dir, booted.past, book)
        book.checkpoint()

    def _install_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._on_signal)

    def _on_signal(self) -> None:
        self._signals += 1
        if self._signals > 1:
            os._exit(130)
        self._stop.set()

    def _begin_anew(self) -> None:
        self._anew = True
        self._stop.set()

    async def _supervise(self, parts: Parts) -> None:
        keepers = parts.keepers
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(keeper.run(), name=keeper.channel.config.id) for keeper in keepers]
            ticker = group.create_task(self._tick(parts), name="tick")
            stopper = group.create_task(self._stop.wait(), name="stop")
            commands = group.create_task(parts.post.run(), name="commands")
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
            commands.cancel()
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

    async def _tick(self, parts: Parts) -> None:
        chores: tuple[Chore, ...] = (
            (WATCHDOG_EVERY_TICKS, lambda: self._feed_watchdog(parts.keepers)),
            *parts.chores,
            (1, lambda: self._write_status(parts)),
        )
        ticks = 0
        while True:
            for every, do in chores:
                if ticks % every == 0:
                    do()
            ticks += 1
            await asyncio.sleep(TICK_S)

    def _feed_watchdog(self, keepers: Sequence[ChannelKeeper]) -> None:
        if self._healthy(keepers):
            self._notifier.send("WATCHDOG=1")

    def _healthy(self, keepers: Sequence[ChannelKeeper]) -> bool:
        now_ns = self._clock.mono_ns()
        for keeper in keepers:
            view = keeper.channel.view
            if view.signal is Signal.PRESENT and not view.finished:
                newest = max(view.durable_mono_ns or 0, view.opened_mono_ns)
                if now_ns - newest > STUCK_NS:
                    return False
        return True

    def _write_status(self, parts: Parts, *, running: bool = True) -> None:
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
        if parts.metrics is not None:
            parts.metrics.take(snapshot)
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

    def _leave(self, parts: Parts) -> None:
        parts.book.leaf(LeafType.SHUTDOWN, {"signals": self._signals}, event=True, checkpoint=True)
        parts.booted.index.advance(parts.booted.ledger)
        save_index(parts.booted, self._log)
        if parts.link is not None and not parts.link.stop(LINK_STOP_S):
            self._log("the broker did not take our goodbye in time; its will speaks for us")


async def _until_done(tasks: list[asyncio.Task[None]]) -> bool:
    await asyncio.wait(tasks)
    return True
