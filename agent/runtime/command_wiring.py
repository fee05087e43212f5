"""Makes the command post from the configuration: operators, handlers, desk, door.

Guarantees: a key that was named twice or is no key was refused with the configuration. Leaves out starting
it (`CommandPost.open`, `run`) and the handlers of other parts, which come in as `more`.
"""

from __future__ import annotations

import asyncio
import os
import random as random_module
from collections.abc import Callable, Mapping

from agent.control.account import CommandAccount
from agent.control.desk import CommandDesk
from agent.control.operators import Operators
from agent.formats.config_v1 import AgentConfig
from agent.ledger.log import Ledger
from agent.ledger.signing import Verifier
from agent.link.client import Link
from agent.link.inbox import Inbox
from agent.model.commands import CommandType, Handler
from agent.model.ports.clock import Clock
from agent.runtime.book import Book
from agent.runtime.command_handlers import BoxHandlers, Switch, TicketDoor
from agent.runtime.command_post import CommandPost


def make_post(
    config: AgentConfig,
    *,
    book: Book,
    ledger: Ledger,
    account: CommandAccount,
    clock: Clock,
    log: Callable[[str], None],
    link: Link | None,
    inbox: Inbox,
    arrived: asyncio.Event,
    switch: Switch | None = None,
    more: Mapping[CommandType, Handler] | None = None,
    cosigned: Callable[[bytes], None] = lambda _payload: None,
) -> CommandPost:
    """A post, not yet open. Refuse `key.bad` for an operator's key that is no point of its curve."""
    box = config.box
    tickets = None
    if config.tickets is not None:
        verifier = Verifier(config.tickets.authority)
        tickets = TicketDoor(state_dir=box.state_dir, verifier=verifier, box=box.id)
    handlers = BoxHandlers(
        book=book,
        ledger=ledger,
        clock=clock,
        log=log,
        random=random_module.SystemRandom().random,
        link=link,
        tickets=tickets,
        switch=switch,
        channels=frozenset(channel.id for channel in config.channel),
    )
    table = {**handlers.table(), **(more or {})}
    desk = CommandDesk(book, Operators(config.operator, Verifier), box.id, table, account, clock, os.urandom)
    return CommandPost(
        desk=desk,
        handlers=handlers,
        inbox=inbox,
        arrived=arrived,
        book=book,
        box=box.id,
        runtime_dir=box.runtime_dir,
        cosigned=cosigned,
        deaf=lambda: None if link is None else link.stats.deaf,
    )
