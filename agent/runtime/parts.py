"""Puts together what the keeper runs after boot: book, link, channels, commands, watches, chores.

Guarantees: nothing here is started but the zygote; each part is made once, from the configuration and what
boot found. Leaves out the life cycle (`keeper.py`). Raises `AgentError` for what can't be made.
"""

from __future__ import annotations

import asyncio
import os
import random as random_module
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from agent import __version__
from agent.ledger.signing import SigningKey, Verifier
from agent.link.client import Link
from agent.link.inbox import Inbox
from agent.model.ports.clock import Clock
from agent.runtime.audit_watch import AuditWatch
from agent.runtime.book import Book
from agent.runtime.boot import Booted
from agent.runtime.box_watch import BoxWatch
from agent.runtime.certificate_watch import watch_of
from agent.runtime.channel_keeper import ChannelKeeper
from agent.runtime.channel_wiring import ChannelMaking
from agent.runtime.check_site import this_site
from agent.runtime.command_checks import CheckRuns
from agent.runtime.command_post import CommandPost, inbox_for
from agent.runtime.command_wiring import make_post
from agent.runtime.config_commands import ConfigCommands
from agent.runtime.cosigning import Cosigning
from agent.runtime.derivative_config import derived_channels
from agent.runtime.disposal import Disposal
from agent.runtime.disposal_context import DisposalContext
from agent.runtime.effective_config import Effective
from agent.runtime.health_watch import HealthWatch
from agent.runtime.link_wiring import make_link
from agent.runtime.metrics_file import MetricsFile, metrics_of
from agent.runtime.tickets import Need, TicketOffice
from agent.runtime.twins import TwinWatch
from agent.runtime.zygote_client import ZygoteClient
from agent.vault.layout import LEDGER

BOX_EVERY_TICKS = 30
TICKETS_EVERY_TICKS = 5
STATE_EVERY_TICKS = 300
HEALTH_EVERY_TICKS = 60
TWINS_EVERY_TICKS = 600
COSIGNING_EVERY_TICKS = 5
ROOM_EVERY_TICKS = 5
# The index follows the ledger a few leaves at a time, and is written when a start would read many anew.
INDEX_EVERY_TICKS = 600
INDEX_LEAVES = 64
INDEX_UNSAVED = 1024

# Every so many ticks of a second, what is done.
Chore = tuple[int, Callable[[], object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What runs. `link` is None where no broker is configured, `metrics` where no file is."""

    booted: Booted
    book: Book
    link: Link | None
    post: CommandPost
    zygote: ZygoteClient
    keepers: tuple[ChannelKeeper, ...]
    watch: BoxWatch
    metrics: MetricsFile | None
    configurations: ConfigCommands
    chores: tuple[Chore, ...]


class Assembly:
    """Makes the parts. `link` and `book` first, since recovery writes into the book; then `finish`."""

    def __init__(
        self,
        chosen: Effective,
        booted: Booted,
        key: SigningKey,
        clock: Clock,
        log: Callable[[str], None],
        begin_anew: Callable[[], None],
    ) -> None:
        self._chosen = chosen
        self._config = chosen.config
        self._begin_anew = begin_anew
        self._booted = booted
        self._key = key
        self._clock = clock
        self._log = log
        self._arrived = asyncio.Event()
        self._inbox: Inbox = inbox_for(asyncio.get_running_loop(), self._arrived)
        self._post: CommandPost | None = None
        self.link = self._make_link()
        notify = self.link.notify if self.link else _nothing
        self.book = Book(booted.ledger, booted.outbox, clock, booted.boot, notify)

    def finish(self) -> Parts:
        """Everything else, after recovery."""
        config, booted, book, clock = self._config, self._booted, self.book, self._clock
        tickets = self._ticket_office()
        cosigning = self._cosigning()
        disposal = self._disposal()
        site = partial(this_site, config, clock)
        checks = CheckRuns(config, site=site, book=book, key=self._key, clock=clock)
        zygote = ZygoteClient(booted.lock, [channel.source.kind for channel in config.channel])
        making = ChannelMaking(
            config,
            book=book,
            clock=clock,
            past=booted.past.channels,
            tickets=tickets,
            zygote=zygote,
            log=self._log,
        )
        keepers = tuple(making.keeper(channel) for channel in config.channel)
        by_name = {keeper.channel.config.id: keeper for keeper in keepers}
        configurations = self._configurations(by_name)
        self._post = post = make_post(
            config,
            book=book,
            ledger=booted.ledger,
            account=booted.past.commands,
            clock=clock,
            log=self._log,
            link=self.link,
            inbox=self._inbox,
            arrived=self._arrived,
            switch=lambda channel, on: by_name[channel].switch(on),
            more={**disposal.handlers(), **checks.handlers(), **configurations.handlers()},
            cosigned=lambda payload: None if cosigning is None else cosigning.take(payload),
        )
        watch = BoxWatch(config.box.vault_dir, self.link, book, clock)
        return Parts(
            booted=booted,
            book=book,
            link=self.link,
            post=post,
            zygote=zygote,
            keepers=keepers,
            watch=watch,
            metrics=metrics_of(config, __version__, book),
            configurations=configurations,
            chores=(
                *self._chores(keepers, watch, post),
                *self._optional_chores(tickets, cosigning),
                (1, disposal.tick),
                (1, checks.tick),
                (1, configurations.tick),
                (1, lambda: booted.index.advance(booted.ledger, INDEX_LEAVES)),
                (INDEX_EVERY_TICKS, self._save_index),
                (ROOM_EVERY_TICKS, lambda: disposal.keep_room(config.segments.keep_free_bytes)),
                # Last, so that what this tick wrote is judged in it.
                (1, self._audit().tick),
            ),
        )

    def _configurations(self, keepers: Mapping[str, ChannelKeeper]) -> ConfigCommands:
        return ConfigCommands(
            self._chosen,
            book=self.book,
            clock=self._clock,
            channels=lambda: [one.present(self._clock.mono_ns()) for one in keepers.values()],
            switch=lambda channel, on: keepers[channel].switch(on),
            connected=lambda: self.link is not None and self.link.connected,
            restart=self._begin_anew,
        )

    def _make_link(self) -> Link | None:
        if self._config.mqtt is None:
            return None
        return make_link(
            self._config,
            self._config.mqtt,
            self._booted.boot,
            self._clock,
            self._key.verifier_key,
            random_module.SystemRandom().random,
            self._inbox,
            lambda: self._post.birth_facts() if self._post else {},
        )

    def _ticket_office(self) -> TicketOffice | None:
        if self._config.tickets is None:
            return None
        box, verifier = self._config.box, Verifier(self._config.tickets.authority)
        return TicketOffice(box.state_dir, verifier, box.id, self.book, self._booted.past.tickets)

    def _save_index(self) -> None:
        index = self._booted.index
        if index.unsaved >= INDEX_UNSAVED:
            save_index(self._booted, self._log)

    def _disposal(self) -> Disposal:
        return Disposal(
            DisposalContext.of(
                self._config,
                book=self.book,
                ledger=self._booted.ledger,
                account=self._booted.past.disposal,
                key=self._key,
                clock=self._clock,
                random=os.urandom,
            )
        )

    def _audit(self) -> AuditWatch:
        return AuditWatch(
            self._config,
            ledger=self._booted.ledger,
            book=self.book,
            key=self._key,
            clock=self._clock,
            log=self._log,
        )

    def _cosigning(self) -> Cosigning | None:
        if not self._config.witness:
            return None
        box, ledger = self._config.box, self._booted.ledger
        directory = box.vault_dir / LEDGER
        return Cosigning(self._config.witness, box.id, ledger, directory, self.book, self._clock)

    def _chores(
        self,
        keepers: tuple[ChannelKeeper, ...],
        watch: BoxWatch,
        post: CommandPost,
    ) -> list[Chore]:
        """What every box does, in this order."""
        config, book, clock = self._config, self.book, self._clock
        names = [channel.id for channel in config.channel]
        twins = TwinWatch(config, self._key.verifier_key, book.tell)
        health = HealthWatch(book, partial(this_site, config, clock), names)
        return [
            (BOX_EVERY_TICKS, watch.report),
            (TWINS_EVERY_TICKS, twins.look),
            *((STATE_EVERY_TICKS, keeper.channel.publish_state) for keeper in keepers),
            (1, partial(_look_at_plans, keepers, clock)),
            (1, lambda: book.tick(busy=any(keeper.channel.recording for keeper in keepers))),
            (1, watch.look),
            (1, post.tick),
            (HEALTH_EVERY_TICKS, health.look),
        ]

    def _optional_chores(self, tickets: TicketOffice | None, cosigning: Cosigning | None) -> list[Chore]:
        """What a box does that is configured for it."""
        config, book, clock = self._config, self.book, self._clock
        chores: list[Chore] = []
        if tickets is not None:
            needs = [Need.of(one) for one in (*config.channel, *derived_channels(config.channel))]
            chores.append((TICKETS_EVERY_TICKS, lambda: tickets.look(needs, clock.now().wall_ns)))
        if cosigning is not None:
            chores.append((COSIGNING_EVERY_TICKS, cosigning.tick))
        certificates = watch_of(config, book, clock)
        if certificates is not None:
            chores.append((1, certificates.look))
        return chores


def save_index(booted: Booted, log: Callable[[str], None]) -> None:
    """Writes what the next start need not read again; a disk's error costs that start time only."""
    error = booted.index.try_save(booted.ledger)
    if error is not None:
        log(f"the index of the ledger was not written: {error}")


def _look_at_plans(keepers: tuple[ChannelKeeper, ...], clock: Clock) -> None:
    for keeper in keepers:
        keeper.look(clock.now())


def _nothing() -> None:
    return
