"""Commands from draft to last answer: what is stored before what is sent, and when it is sent again.

Guarantees: a command is on the disk before anybody is told that it exists, and marked as sent before it
leaves, so a killed console neither loses it nor makes another one of it; the bytes of an id never change.
It is sent while its box is there, again at each birth of the box and after each connection of ours, until
its last answer. Leaves out who may (`api/`), and the checks of a note (`drafts.py`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace

from agent.console import drafts, history, orders, rows
from agent.console.audit import Entry
from agent.console.drafts import Known, Signer
from agent.console.effects import Answered
from agent.console.fleet import Fleet
from agent.console.orders import Order, Orders
from agent.console.writer import Reader, Statement, Writer
from agent.control.operators import Operators
from agent.model.commands import CommandType
from agent.model.errors import Refuse
from agent.model.ids import new_uuid7
from agent.model.outgoing import Json
from agent.model.times import NS_PER_S, Instant, rfc3339

MOST_OPEN = 5000
_NO_SUBSCRIBER = 0x10
_REFUSED = 0x80
_AGAIN_NS = 30 * NS_PER_S


class Post:
    """See the module's text. `send` gives topic, bytes and token to the connection."""

    def __init__(
        self, book: Orders, fleet: Fleet, operators: Operators, writer: Writer, reader: Reader, *,
        send: Callable[[str, bytes, str], bool], told: Callable[[Order], None],
        random: Callable[[int], bytes],
    ) -> None:  # fmt: skip
        self.book = book
        self._fleet = fleet
        self._operators = operators
        self._writer = writer
        self._reader = reader
        self._send = send
        self._told = told
        self._random = random
        self._turn = asyncio.Lock()
        # What went out over this connection and to this birth of its box, and when (monotonic ns).
        self._out: dict[str, int] = {}
        self._linked = False

    def draft(
        self, kind: CommandType, args: Mapping[str, Json], *, box: str, by: str, key: str, valid_s: int,
        now: Instant,
    ) -> dict[str, Json]:  # fmt: skip
        """A text to sign; nothing is stored. Refuse `command.*`, `box.unknown`, `request.bad`."""
        counter = self.book.next_counter(key, box, now.wall_ns)
        return drafts.draft(
            kind, args, by=by, known=self._known(box), counter=counter,
            cmd_id=new_uuid7(now.wall_ns, self._random(10)), wall_ns=now.wall_ns, valid_s=valid_s,
        )  # fmt: skip

    async def first(self, note: str, signer: Signer, entry: Entry, now: Instant) -> Order:
        """A new command with its first signature. Refuse `command.*`, `box.unknown`; Retry."""
        async with self._turn:
            order = drafts.first(note, signer, self._operators, self._known(drafts.box_of(note)), now)
            known, _ = await self._reader.read(lambda db: history.command(db, order.cmd_id))
            if known is not None or order.cmd_id in self.book.open:
                raise Refuse("command.id-reused", "this command is known already", "make a new one")
            if len(self.book.open) >= MOST_OPEN:
                raise Refuse("rate.limited", f"{MOST_OPEN} commands are open", "wait for their answers")
            await self._store(order, "signed", signer.account, _about(entry, order), now)
        return order

    async def another(self, cmd_id: str, note: str, signer: Signer, entry: Entry, now: Instant) -> Order:
        """One signature more. Refuse `command.*`; Retry: nothing was done."""
        async with self._turn:
            before = self.book.known(cmd_id)
            order = drafts.another(before, note, signer, self._operators, self._known(before.box), now)
            await self._store(order, "signed", signer.account, _about(entry, order), now)
        return order

    async def withdraw(self, cmd_id: str, account: str, reason: str, entry: Entry, now: Instant) -> Order:
        """Taken back before it was sent. Refuse `command.unknown`, `command.state`; Retry."""
        async with self._turn:
            order = orders.withdrawn(self.book.known(cmd_id))
            await self._store(order, "withdrawn", account, _about(entry, order), now, reason)
        return order

    def born(self, box: str) -> None:
        """The box may have forgotten what it had not accepted: all of it goes out again."""
        for order in self.book.due(box):
            self._out.pop(order.cmd_id, None)

    def answered(self, seen: Answered, now: Instant) -> None:
        """The box said something about a command of ours."""
        order = self.book.open.get(seen.body["cmd_id"])
        news = None if order is None else orders.answered(order, seen)
        if news is not None:
            self._note(news, news.state, None, now, seen.body["reason"])

    def acknowledged(self, cmd_id: str, reason: int, now: Instant) -> None:
        """The broker took it, or did not."""
        order = self.book.open.get(cmd_id)
        if order is None or reason >= _REFUSED:
            return  # tried again after a pause
        if reason != _NO_SUBSCRIBER and order.state == "queued":
            self._note(orders.taken(order), "sent", None, now, None)

    def linked(self, *, up: bool) -> None:
        """A connection began, or ended: what was on its way may be lost."""
        self._linked = up
        self._out.clear()

    async def carry(self, now: Instant) -> None:
        """What has to go out now, and what has become old. Retry: the database does not take it."""
        async with self._turn:
            for order in list(self.book.open.values()):
                self._age(order, now)
            for order in self.book.due():
                await self._carry_one(order, now)

    async def _carry_one(self, order: Order, now: Instant) -> None:
        box = self._fleet.boxes.get(order.box)
        if not self._linked or box is None or not box.alive:
            return
        out_ns = self._out.get(order.cmd_id)
        waits = order.state == "queued" and out_ns is not None and now.mono_ns - out_ns >= _AGAIN_NS
        if out_ns is not None and not waits:
            return
        marked = orders.sending(order, rfc3339(now.wall_ns))
        await self._store(marked, "sending", None, None, now)
        if order.cmd_id not in self.book.open:
            return  # answered while we wrote
        if self._send(marked.topic, marked.note.encode(), marked.cmd_id):
            self._out[order.cmd_id] = now.mono_ns

    def _age(self, order: Order, now: Instant) -> None:
        box = self._fleet.boxes.get(order.box)
        counter = self.book.counters.get((order.key, order.box), 0)
        news = orders.overtaken(order, None if box is None else box.nonce, counter, now.wall_ns)
        if news is not None:
            self._note(news, news.state, None, now, None)

    def _known(self, box: str) -> Known:
        found = self._fleet.boxes.get(box)
        if found is None:
            raise Refuse("box.unknown", "there is no such box", "see the fleet")
        return Known(box=box, nonce=found.nonce, counters=self.book.counters)

    async def _store(
        self, order: Order, step: str, by: str | None, entry: Entry | None, now: Instant,
        detail: str | None = None,
    ) -> None:  # fmt: skip
        """Durable first, then believed. Retry: nothing was done."""
        written = self._rows(order, step, by, now, detail)
        await self._writer.must(*written, *(() if entry is None else (entry,)))
        # While we waited the box may have answered what went out before.
        current = self.book.open.get(order.cmd_id)
        if step == "sending" and current is not None and current.state != order.state:
            order = replace(current, sent=order.sent, sends=order.sends)
            self._writer.put(rows.command(order.cmd_id, order.box, order.row(), done=not order.open))
        elif step == "sending" and current is None:
            return
        self.book.put(order)
        self._told(order)

    def _note(self, order: Order, step: str, by: str | None, now: Instant, detail: str | None) -> None:
        """Believed at once, written soon: the box or the clock said it, and would say it again."""
        self._writer.put(*self._rows(order, step, by, now, detail))
        self.book.put(order)
        if not order.open:
            self._out.pop(order.cmd_id, None)
        self._told(order)

    def _rows(
        self, order: Order, step: str, by: str | None, now: Instant, detail: str | None
    ) -> list[Statement]:
        stamp = rfc3339(now.wall_ns)
        found = [
            rows.command(order.cmd_id, order.box, order.row(), done=not order.open),
            rows.command_step(order.cmd_id, stamp, step, by, detail),
        ]
        if order.state not in ("waiting", "stale", "withdrawn"):
            found.append(rows.counter(order.key, order.box, order.counter))
        return found


def _about(entry: Entry, order: Order) -> Entry:
    return replace(entry, object=order.cmd_id, box=order.box, detail=order.type)
