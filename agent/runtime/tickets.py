"""The box's pool of tickets: which one the next recording takes, and the alarms when they run out.

Guarantees: the leaf `ticket-reserved` is durable before a ticket is given out, and a ticket that any such
leaf names is never given out for anything else, across SIGKILL too; a batch that was imported while the
agent runs is seen, and so is a list of withdrawn tickets, which are never given out; want of tickets, or a
directory that can't be read, never stops a recording: `take` then gives the day's emergency ticket or,
without one, None, and raises an alarm. Leaves out the checks at the door (`ticket_batches.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from agent.formats.config_v1 import ChannelConfig
from agent.formats.ledger_v1 import Leaf, LeafType
from agent.formats.tickets_v1 import Batch, Ticket, TicketClass
from agent.ledger.signing import Verifier
from agent.model.errors import AgentError, Refuse
from agent.model.outgoing import Json
from agent.model.times import rfc3339
from agent.runtime.book import Book
from agent.runtime.telemetry import Alarm
from agent.runtime.ticket_batches import FOLDER, read_stored, stored_names
from agent.runtime.ticket_withdrawals import read_withdrawal, withdrawal_names, withdrawn
from agent.seal import suites

LOW_PERCENT = 20


@dataclass(slots=True, kw_only=True)
class SpentTickets:
    """What the ledger says: every reserved ticket, and those that serve a channel or the box for a day."""

    ids: set[str] = field(default_factory=set)
    daily: dict[tuple[str, str], str] = field(default_factory=dict)
    emergency: dict[str, set[str]] = field(default_factory=dict)

    def take(self, leaf: Leaf) -> None:
        """Takes in one leaf of any type."""
        if leaf.type is not LeafType.TICKET_RESERVED:
            return
        ticket, day = str(leaf.body["ticket"]), leaf.body["day"]
        self.ids.add(ticket)
        if day is not None:
            self.serve(ticket, str(leaf.body["class"]), str(leaf.body["channel"]), str(day))

    def serve(self, ticket: str, kind: str, channel: str, day: str) -> None:
        """`ticket` serves this channel, or of class `emergency` the whole box, for the rest of the day."""
        if kind == TicketClass.EMERGENCY.value:
            self.emergency.setdefault(day, set()).add(ticket)
        else:
            self.daily[channel, day] = ticket


@dataclass(frozen=True, slots=True, kw_only=True)
class Reserved:
    """A ticket that a capsule may be sealed to."""

    ticket: Ticket
    batch: Batch

    def facts(self) -> dict[str, Json]:
        """For manifest and opening leaf."""
        return {
            "ticket": self.ticket.id,
            "ticket_batch": self.batch.batch,
            "ticket_class": self.batch.kind.value,
            "emergency": self.batch.kind is TicketClass.EMERGENCY,
        }


EMERGENCY: dict[str, Json] = {"ticket": None, "ticket_batch": None, "ticket_class": None, "emergency": True}


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """What a channel's recordings ask of a ticket."""

    channel: str
    level: int
    kind: TicketClass
    suite: str

    @classmethod
    def of(cls, channel: ChannelConfig) -> Need:
        """By the channel's configuration (docs/formats/tickets-v1.md, On the box)."""
        kind = channel.tickets or ("daily" if channel.level == 2 else "recording")
        return cls(
            channel=channel.id,
            level=channel.level,
            kind=TicketClass(kind),
            suite=suites.for_level(channel.level).NAME,
        )

    def met_by(self, batch: Batch, wall_ns: int) -> bool:
        """True when a ticket of `batch` may serve now."""
        return (
            (batch.kind, batch.suite) == (self.kind, self.suite)
            and batch.max_level >= self.level
            and batch.valid_at(wall_ns)
        )


@dataclass(slots=True, kw_only=True)
class Stock:
    """A batch: how many of its tickets are this box's, and those of them that are unspent, in their order."""

    number: int
    batch: Batch
    share: int
    left: list[Ticket]


def pool_state(left: int, last_imported: int) -> str:
    """`empty`, `low` (at most a fifth of the last imported batch) or `good`."""
    if not left:
        return "empty"
    return "low" if left * 100 <= last_imported * LOW_PERCENT else "good"


class TicketOffice:
    """One per box; called from the keeper's main thread only."""

    def __init__(
        self, state_dir: Path, verifier: Verifier, box: str, book: Book, spent: SpentTickets
    ) -> None:
        self._state_dir = state_dir
        self._verifier = verifier
        self._box = box
        self._book = book
        self._spent = spent
        self._stock: dict[str, Stock] = {}
        self._bad: set[str] = set()
        self._kept: dict[str, Reserved] = {}
        self._lists: dict[str, frozenset[str]] = {}
        self._withdrawn: frozenset[str] = frozenset()
        self._unsure = False

    def take(self, need: Need, wall_ns: int) -> Reserved | None:
        """A ticket for one recording of the channel, reserved; None with an alarm when there is none."""
        self._refresh()
        if self._unsure:  # a destroyed ticket would lose the recording: custodians alone can open it
            return None
        found = self._known(need, wall_ns) or self._new(need, wall_ns)
        if found is None:
            emergency = replace(need, kind=TicketClass.EMERGENCY)
            found = self._known(emergency, wall_ns) or self._new(emergency, wall_ns)
        self._judge(need, wall_ns)
        return found

    def used(self, channel: str) -> None:
        """The recording that the channel's last ticket was taken for is open: the next takes another one."""
        self._kept.pop(channel, None)

    def look(self, needs: Iterable[Need], wall_ns: int) -> None:
        """Raises and closes the alarms of the pools, new batches included."""
        self._refresh()
        for need in needs:
            self._judge(need, wall_ns)

    def _known(self, need: Need, wall_ns: int) -> Reserved | None:
        """What is reserved for this very purpose: a try that failed, or an earlier recording of this day."""
        if need.kind is TicketClass.RECORDING:
            kept = self._kept.get(need.channel)
            if kept is None or kept.ticket.id in self._withdrawn or not need.met_by(kept.batch, wall_ns):
                return None
            return kept
        day = _day(wall_ns)
        tickets = {self._spent.daily.get((need.channel, day))}
        if need.kind is TicketClass.EMERGENCY:
            tickets = {*self._spent.emergency.get(day, ())}
        for stock in self._pool(need, wall_ns):
            for one in stock.batch.tickets:
                if one.id in tickets and one.id not in self._withdrawn:
                    return Reserved(ticket=one, batch=stock.batch)
        return None

    def _new(self, need: Need, wall_ns: int) -> Reserved | None:
        for stock in self._pool(need, wall_ns):
            while stock.left:
                ticket = stock.left.pop(0)
                if ticket.id in self._spent.ids or ticket.id in self._withdrawn:
                    continue
                if not _is_key(ticket.recipient, need.suite):
                    continue
                return self._reserve(need, Reserved(ticket=ticket, batch=stock.batch), wall_ns)
        return None

    def _reserve(self, need: Need, reserved: Reserved, wall_ns: int) -> Reserved:
        ticket = reserved.ticket.id
        day = None if need.kind is TicketClass.RECORDING else _day(wall_ns)
        body: dict[str, Json] = {
            "ticket": ticket,
            "batch": reserved.batch.batch,
            "class": need.kind.value,
            "channel": need.channel,
            "level": need.level,
            "day": day,
        }
        self._spent.ids.add(ticket)
        self._book.leaf(LeafType.TICKET_RESERVED, body)
        if day is not None:
            self._spent.serve(ticket, need.kind.value, need.channel, day)
        self._kept[need.channel] = reserved
        return reserved

    def _pool(self, need: Need, wall_ns: int) -> list[Stock]:
        """The batches that may serve, in the order in which they are used up."""
        fit = [stock for stock in self._stock.values() if need.met_by(stock.batch, wall_ns)]
        return sorted(fit, key=lambda one: (one.batch.max_level, one.batch.not_after_ns, one.number))

    def _judge(self, need: Need, wall_ns: int) -> None:
        pool = self._pool(need, wall_ns)
        left = sum(one.id not in self._withdrawn for stock in pool for one in stock.left)
        newest = max(pool, key=lambda one: one.number, default=None)
        state = pool_state(left, newest.share if newest else 0)
        if state == "empty":
            self._book.close_alarms(need.channel, "tickets.low")
            self._alarm(
                need.channel,
                "tickets.empty",
                "critical",
                f"no ticket of class {need.kind.value} for level {need.level} is left: recordings share the "
                "day's emergency ticket; without one they are sealed to custodians only, and destroying a "
                "ticket can't shred them",
            )
            return
        self._book.close_alarms(need.channel, "tickets.empty")
        if state == "good":
            self._book.close_alarms(need.channel, "tickets.low")
            return
        self._alarm(
            need.channel,
            "tickets.low",
            "warning",
            f"{left} tickets of class {need.kind.value} for level {need.level} are left when this was raised",
        )

    def _alarm(self, entity: str, code: str, severity: str, text: str) -> None:
        remedy = "get a new batch from the key authority and run: edgeward tickets import FILE"
        self._book.raise_alarm(Alarm(entity=entity, code=code, severity=severity, text=text, remedy=remedy))

    def _refresh(self) -> None:
        """Takes in batches that are new in the directory and lets go of those that are gone.

        While the directory can't be read, what was read before still counts.
        """
        try:
            names = stored_names(self._state_dir)
            lists = withdrawal_names(self._state_dir)
        except AgentError as error:
            self._book.raise_alarm(
                Alarm(
                    entity="_",
                    code="tickets.unreadable",
                    severity="critical",
                    text=error.text,
                    remedy=f"make {FOLDER} in the state directory readable for the agent",
                )
            )
            return
        self._book.close_alarms("_", "tickets.unreadable")
        present = {name for _, name in names}
        self._bad &= present
        for name in self._stock.keys() - present:
            del self._stock[name]
        for number, name in names:
            if name not in self._stock and name not in self._bad:
                self._load(number, name)
        if not self._bad:
            self._book.close_alarms("_", "tickets.bad-batch")
        self._refresh_withdrawn(lists)

    def _refresh_withdrawn(self, names: set[str]) -> None:
        """A list that this run has read counts until its end, even when its file is taken away.

        With one that can't be read nobody knows which tickets are destroyed.
        """
        bad = []
        for name in sorted(names - self._lists.keys()):
            try:
                self._lists[name] = read_withdrawal(self._state_dir, name, self._verifier)
            except Refuse as error:
                bad.append(f"{name}: {error.text} [{error.code}]")
                continue
            self._withdrawn |= self._lists[name]
        self._unsure = bool(bad)
        if not bad:
            self._book.close_alarms("_", "tickets.bad-withdrawal")
            return
        self._book.raise_alarm(
            Alarm(
                entity="_",
                code="tickets.bad-withdrawal",
                severity="critical",
                text="no ticket is given out, because a list of withdrawn ones can't be used; recordings are "
                f"sealed to custodians only: {bad[0]}",
                remedy="move that file away and import the list again; find out who changed it",
            )
        )

    def _load(self, number: int, name: str) -> None:
        try:
            batch = read_stored(self._state_dir, name, self._verifier)
            if self._box not in batch.boxes:
                raise Refuse("tickets.other-box", "it is for other boxes", "remove it")
        except Refuse as error:
            self._bad.add(name)
            self._book.raise_alarm(
                Alarm(
                    entity="_",
                    code="tickets.bad-batch",
                    severity="warning",
                    text=f"the stored batch {name} is not used: {error.text} [{error.code}]",
                    remedy="move that file away and import the batch again; find out who changed it",
                )
            )
            return
        share = batch.share_of(self._box)
        left = [one for one in share if one.id not in self._spent.ids]
        self._stock[name] = Stock(number=number, batch=batch, share=len(share), left=left)


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolReport:
    """One stored batch, for people."""

    file: str
    batch: str | None = None
    kind: str | None = None
    suite: str | None = None
    max_level: int | None = None
    not_after: str | None = None
    tickets: int = 0
    left: int = 0
    usable: bool = False
    problem: str | None = None


def report(
    state_dir: Path, verifier: Verifier, spent: SpentTickets, box: str, wall_ns: int
) -> Iterator[PoolReport]:
    """What `edgeward tickets status` says of each stored batch. Withdrawn tickets are not left."""
    gone = spent.ids | withdrawn(state_dir, verifier)[0]
    for _, name in stored_names(state_dir):
        try:
            batch = read_stored(state_dir, name, verifier)
        except Refuse as error:
            yield PoolReport(file=name, problem=f"{error.text} [{error.code}]")
            continue
        share = batch.share_of(box)
        yield PoolReport(
            file=name,
            batch=batch.batch,
            kind=batch.kind.value,
            suite=batch.suite,
            max_level=batch.max_level,
            not_after=rfc3339(batch.not_after_ns),
            tickets=len(share),
            left=sum(one.id not in gone for one in share),
            usable=batch.valid_at(wall_ns) and bool(share),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelPool:
    """What one channel can use."""

    channel: str
    kind: str
    level: int
    left: int
    state: str


def channel_pools(
    channels: Iterable[ChannelConfig], batches: Sequence[PoolReport]
) -> tuple[ChannelPool, ...]:
    """The pool of each channel, by `report` in the order of import."""
    pools = []
    for channel in channels:
        need = Need.of(channel)
        fit = [
            one
            for one in batches
            if one.usable
            and (one.kind, one.suite) == (need.kind.value, need.suite)
            and (one.max_level or 0) >= need.level
        ]
        left = sum(one.left for one in fit)
        state = pool_state(left, fit[-1].tickets if fit else 0)
        pools.append(
            ChannelPool(channel=need.channel, kind=need.kind.value, level=need.level, left=left, state=state)
        )
    return tuple(pools)


def _day(wall_ns: int) -> str:
    return rfc3339(wall_ns)[:10]


def _is_key(recipient: str, suite: str) -> bool:
    """False for what the door should not have let in; sealing to it would stop the recording."""
    try:
        return suites.by_recipient(recipient) is suites.by_name(suite)
    except Refuse:
        return False
