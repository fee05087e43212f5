"""What this box does on command, where that is short: birth, maintenance, proofs, tickets, channels, alarms.

Guarantees: arguments are checked before anything happens (`command.bad-argument`), unknown ones too; each
handler may be called again with the same command. Leaves out who may (`agent/control`). Called on the
keeper's main thread; the caller calls `tick` every second.
"""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from agent.formats import tlog_proof_v1
from agent.formats.ledger_v1 import LeafType
from agent.formats.mqtt_v1 import MAX_REBIRTH_WINDOW_S
from agent.formats.withdrawal_v1 import is_withdrawal
from agent.ledger.log import Ledger
from agent.ledger.signing import Verifier
from agent.link.presence import status_message
from agent.model.commands import Command, CommandType, Handler
from agent.model.errors import Refuse
from agent.model.outgoing import Json
from agent.model.ports.clock import Clock
from agent.model.times import NS_PER_S
from agent.runtime.access_handler import handle_access_record
from agent.runtime.book import Book
from agent.runtime.command_arguments import number, only, text, wrong
from agent.runtime.telemetry import Alarm
from agent.runtime.ticket_batches import check_batch, import_batch
from agent.runtime.ticket_withdrawals import import_withdrawal

IDENTIFY_NS = 60 * NS_PER_S
REBIRTH_NS = 60 * NS_PER_S
Switch = Callable[[str, bool], None]


class CommandedLink(Protocol):
    """The part of the link that commands move."""

    @property
    def connected(self) -> bool: ...
    def rebirth(self, delay_s: float) -> None: ...
    def announce_maintenance(self, on: bool) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketDoor:
    """Where batches of the key authority go."""

    state_dir: Path
    verifier: Verifier
    box: str


class BoxHandlers:
    """`switch` starts and stops a channel; None for `link`, `tickets`, `switch`: this box has none."""

    def __init__(
        self,
        *,
        book: Book,
        ledger: Ledger,
        clock: Clock,
        log: Callable[[str], None],
        random: Callable[[], float],
        link: CommandedLink | None = None,
        tickets: TicketDoor | None = None,
        switch: Switch | None = None,
        channels: frozenset[str] = frozenset(),
    ) -> None:
        self._book = book
        self._ledger = ledger
        self._clock = clock
        self._log = log
        self._random = random
        self._link = link
        self._tickets = tickets
        self._switch = switch
        self._channels = channels
        self._identify_until_ns: int | None = None
        self._rebirth_at_ns: int | None = None

    def table(self) -> dict[CommandType, Handler]:
        """What this box does."""
        table: dict[CommandType, Handler] = {
            CommandType.ACCESS_RECORD: lambda command: handle_access_record(self._book, command),
            CommandType.ALARM_ACKNOWLEDGE: self._acknowledge,
            CommandType.IDENTIFY: self._identify,
            CommandType.LEDGER_PROVE: self._prove,
            CommandType.MAINTENANCE: self._maintenance,
        }
        if self._link is not None:
            table[CommandType.REBIRTH] = self._rebirth
        if self._tickets is not None:
            table[CommandType.TICKETS_IMPORT] = self._import_tickets
        if self._switch is not None:
            table[CommandType.CHANNEL_START] = self._start
            table[CommandType.CHANNEL_STOP] = self._stop
        return table

    def tick(self) -> None:
        """Ends what lasts for a while."""
        if self._identify_until_ns is not None and self._clock.mono_ns() >= self._identify_until_ns:
            self._identify_until_ns = None
            self._book.close_alarms("_", "identify.")

    def restore(self, *, maintenance: bool) -> None:
        """What an earlier run was told, and what the ledger remembers of it."""
        if self._link is not None:
            self._link.announce_maintenance(maintenance)

    def spread_birth(self, window_s: int) -> float:
        """Says birth, status and all retained messages again, after a random part of the window.

        Gives the delay in seconds. Refuse `rebirth.too-often` within 60 s of the last one.
        """
        now_ns = self._clock.mono_ns()
        if self._link is None or (
            self._rebirth_at_ns is not None and now_ns < self._rebirth_at_ns + REBIRTH_NS
        ):
            raise Refuse("rebirth.too-often", "a birth was asked for less than 60 s ago", "wait for it")
        self._rebirth_at_ns = now_ns
        delay_s = round(window_s * self._random(), 3)
        self._link.rebirth(delay_s)
        return delay_s

    def _acknowledge(self, command: Command) -> Mapping[str, Json]:
        only(command, "entity", "code")
        entity, code = text(command, "entity"), text(command, "code")
        if not any((alarm.entity, alarm.code) == (entity, code) for alarm in self._book.alarms):
            raise Refuse(
                "alarm.unknown", "this alarm is not raised", "it may be over: look at the alarms that stand"
            )
        facts: dict[str, Json] = {"entity": entity, "code": code, "cmd_id": command.id}
        by = command.signers[0]
        leaf = self._book.leaf(
            LeafType.ALARM_ACKNOWLEDGED, facts, actor=by, authority=f"command:{command.id}"
        )
        return {"leaf": leaf}

    def _identify(self, command: Command) -> Mapping[str, Json]:
        only(command)
        self._identify_until_ns = self._clock.mono_ns() + IDENTIFY_NS
        self._log(f"identify: {command.signers[0]} looks for this box")
        self._book.raise_alarm(
            Alarm(
                entity="_",
                code="identify.asked",
                severity="warning",
                text="somebody looks for this box",
                remedy="nothing to do: this ends by itself after 60 s",
            )
        )
        return {"seconds": IDENTIFY_NS // NS_PER_S}

    def _prove(self, command: Command) -> Mapping[str, Json]:
        only(command, "leaf")
        index = number(command, "leaf", None, (1 << 53) - 1)
        if index >= self._ledger.size:
            raise Refuse("leaf.unknown", "there is no such leaf", f"the log has {self._ledger.size} leaves")
        self._book.checkpoint()
        note = self._ledger.checkpoint(self._clock.now())  # the same note: nothing was appended in between
        path = self._ledger.inclusion_proof(index)
        return {"proof": tlog_proof_v1.encode(index, path, note)}

    def _maintenance(self, command: Command) -> Mapping[str, Json]:
        only(command, "on")
        on = command.args.get("on")
        if not isinstance(on, bool):
            raise wrong("on")
        if self._link is not None:
            self._link.announce_maintenance(on)
            if self._link.connected:  # else the next connection says it, after its birth
                self._book.tell(status_message("maintenance" if on else "online"))
        return {"on": on}

    def _rebirth(self, command: Command) -> Mapping[str, Json]:
        only(command, "window_s")
        delay_s = self.spread_birth(number(command, "window_s", 0, MAX_REBIRTH_WINDOW_S))
        return {"delay_ms": round(delay_s * 1000)}

    def _import_tickets(self, command: Command) -> Mapping[str, Json]:
        only(command, "batch")
        door = self._tickets
        try:
            data = b64decode(text(command, "batch", most=64 * 1024).encode("ascii"), validate=True)
        except (binascii.Error, UnicodeEncodeError):
            raise wrong("batch") from None
        if door is None:
            raise Refuse("tickets.no-authority", "no key authority is configured", "see [tickets]")
        if is_withdrawal(data):
            return {"withdrawn": len(import_withdrawal(door.state_dir, data, door.verifier).tickets)}
        wall_ns = self._clock.now().wall_ns
        batch = check_batch(data, door.verifier, door.box, wall_ns)
        try:
            import_batch(door.state_dir, data, door.verifier, door.box, wall_ns)
        except Refuse as error:
            if error.code != "tickets.replayed":  # what is there already need not be stored again
                raise
        return {"batch": batch.batch, "tickets": len(batch.share_of(door.box))}

    def _start(self, command: Command) -> Mapping[str, Json]:
        return self._turn(command, on=True)

    def _stop(self, command: Command) -> Mapping[str, Json]:
        return self._turn(command, on=False)

    def _turn(self, command: Command, *, on: bool) -> Mapping[str, Json]:
        only(command, "channel")
        channel = text(command, "channel")
        if channel not in self._channels or self._switch is None:
            raise Refuse("channel.unknown", "this box has no such channel", "see `channels` in its birth")
        self._switch(channel, on)
        return {"channel": channel, "on": on}
