"""A key authority of a few lines: signs batches and keeps the tickets' private keys in memory.

Guarantees: its batches pass the door of `agent/runtime/ticket_batches.py` unless a test asks for worse.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from agent.formats import tickets_v1
from agent.formats.tickets_v1 import MAX_BATCH, Batch, Ticket, TicketClass
from agent.ledger.signing import SigningKey, Verifier
from agent.model.ids import new_uuid7
from agent.model.times import NS_PER_S
from agent.seal import suites
from agent.seal.recording_key import new_key_pair
from tests.fakes.clock import START_WALL_NS

DAY_NS = 86_400 * NS_PER_S


@dataclass(slots=True)
class FakeAuthority:
    """`identities` are the private keys by ticket id."""

    name: str = "edgeward.authority/test"
    key: SigningKey = field(init=False)
    identities: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.key = SigningKey.generate(os.urandom(32), self.name)

    @property
    def verifier(self) -> Verifier:
        return Verifier(self.key.verifier_key)

    def batch(
        self,
        count: int,
        *,
        level: int = 4,
        kind: TicketClass = TicketClass.RECORDING,
        box: str = "test-box",
        from_ns: int = START_WALL_NS - DAY_NS,
        days: int = 30,
    ) -> Batch:
        """Tickets that are valid from yesterday on."""
        suite = suites.for_level(level).NAME
        tickets = []
        for _ in range(count):
            pair = new_key_pair(os.urandom, suite)
            ticket = Ticket(id=new_uuid7(from_ns, os.urandom(10)), recipient=pair.recipient)
            self.identities[ticket.id] = pair.identity
            tickets.append(ticket)
        return Batch(
            batch=new_uuid7(from_ns, os.urandom(10)),
            authority=self.name,
            boxes=(box,),
            kind=kind,
            suite=suite,
            max_level=level,
            not_before_ns=from_ns,
            not_after_ns=from_ns + days * DAY_NS,
            retention="30 days",
            tickets=tuple(tickets),
        )

    def sign(self, batch: Batch) -> bytes:
        return self.key.sign_note(tickets_v1.encode(batch), MAX_BATCH)
