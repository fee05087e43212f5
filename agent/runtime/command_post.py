"""Where what comes in reaches the keeper: commands, cosignatures, the wish that all boxes give birth again.

Guarantees: at most `BATCH` messages are judged in one turn of the event loop, so that a flood can't keep the
keeper from feeding its watchdog; a door that can't be opened is an alarm and never stops the box. The
caller calls `open` once after recovery, then has a task for `run`, calls `tick` every second and `close`
before the last leaf.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from agent.control.desk import CommandDesk, Origin
from agent.control.door import Door
from agent.formats.command_v1 import address_of
from agent.formats.mqtt_v1 import REBIRTH_TOPIC, decode_rebirth
from agent.formats.witness_v1 import cosign_topic
from agent.link.inbox import Inbox
from agent.link.wire import Inbound
from agent.model.errors import AgentError, Refuse
from agent.model.outgoing import Json
from agent.runtime.book import AUDIT, Book
from agent.runtime.command_handlers import BoxHandlers
from agent.runtime.telemetry import Alarm

BATCH = 16
# The alarm of the rule `denied` (`agent/audit/rules/denied.py`).
DENIED = AUDIT + "denied"


class CommandPost:
    """See the module's text. `inbox` comes from `inbox_for`, with the same `arrived`.

    `deaf` says why the broker gives no commands, None while it does. `cosigned` takes what witnesses say.
    """

    def __init__(
        self,
        *,
        desk: CommandDesk,
        handlers: BoxHandlers,
        inbox: Inbox,
        arrived: asyncio.Event,
        book: Book,
        box: str,
        runtime_dir: Path,
        deaf: Callable[[], str | None] = lambda: None,
        cosigned: Callable[[bytes], None] = lambda _payload: None,
    ) -> None:
        self._desk = desk
        self._handlers = handlers
        self._inbox = inbox
        self._arrived = arrived
        self._book = book
        self._box = box
        self._deaf = deaf
        self._cosigned = cosigned
        self._cosign_topic = cosign_topic(box)
        self._door = Door(runtime_dir, desk.ask)

    def birth_facts(self) -> Mapping[str, Json]:
        """For the birth message."""
        return self._desk.birth_facts()

    async def open(self, *, maintenance: bool) -> None:
        """Answers what an earlier run left, then listens at the door. `maintenance` as the account says."""
        self._handlers.restore(maintenance=maintenance)
        self._desk.resume()
        try:
            await self._door.open()
        except AgentError as error:
            self._book.raise_alarm(
                Alarm(
                    entity="_", code="door.closed", severity="warning", text=error.text, remedy=error.advice
                )
            )

    async def run(self) -> None:
        """Judges what comes, until cancelled. Raises `Halt` when the ledger failed."""
        loop = asyncio.get_running_loop()
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            self.drain()
            if len(self._inbox):
                loop.call_soon(self._arrived.set)  # after everybody else's turn

    def drain(self) -> None:
        """Judges the oldest of what came over MQTT."""
        messages, lost = self._inbox.take(BATCH)
        self._desk.overflowed(lost)
        for one in messages:
            if one.topic == self._cosign_topic:
                self._cosigned(one.payload)
                continue
            if one.topic == REBIRTH_TOPIC:
                self._wish_for_birth(one)
                continue
            address = address_of(one.topic, self._box)
            origin = Origin(retained=one.retained, address=address, astray=address is None)
            self._desk.receive(one.payload, origin)

    def _wish_for_birth(self, message: Inbound) -> None:
        """Not signed: all it can do is to make the box repeat, at most once a minute, what it says anyway."""
        try:
            if message.retained:
                advice = "publish it without the retain flag, and clear that topic"
                raise Refuse("rebirth.retained", "it is a retained message", advice)
            self._handlers.spread_birth(decode_rebirth(message.payload))
        except Refuse as error:
            self._desk.count(error.code)

    def tick(self) -> None:
        """Time went by."""
        self._look_at_subscription()
        self._desk.tick(alarmed=any(alarm.code == DENIED for alarm in self._book.alarms))
        self._handlers.tick()

    def _look_at_subscription(self) -> None:
        why = self._deaf()
        if why is None:
            self._book.close_alarms("_", "commands.")
            return
        self._book.raise_alarm(
            Alarm(
                entity="_",
                code="commands.deaf",
                severity="warning",
                text=f"the broker does not let this box hear its commands ({why})",
                remedy="look at the broker's access list; the local door works all the same",
            )
        )

    async def close(self) -> None:
        """Hears nobody any more, and tells what was only counted."""
        await self._door.close()
        self._desk.close()


def inbox_for(loop: asyncio.AbstractEventLoop, arrived: asyncio.Event) -> Inbox:
    """An inbox that sets `arrived` on the thread of `loop` whenever something comes."""

    def wake() -> None:
        if not arrived.is_set():
            with suppress(RuntimeError):  # the loop has ended: nobody takes anything any more
                loop.call_soon_threadsafe(arrived.set)

    return Inbox(wake)
