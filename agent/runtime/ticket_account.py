"""Whether the ledger's leaves about tickets fit together. Pure.

Guarantees: names every ticket that was reserved twice, that opened a recording without being reserved for
its channel (of class `emergency`: for the box), or that opened a second recording although it is of class
`recording`. A reservation that
nothing uses is what a power loss leaves, and no fault.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from agent.formats.ledger_v1 import Leaf, LeafType
from agent.model.outgoing import Json


@dataclass(slots=True)
class TicketAccount:
    """Takes the leaves in their order."""

    _reserved: dict[str, tuple[Json, Json, Json]] = field(default_factory=dict)
    _used: set[str] = field(default_factory=set)

    def take(self, leaf: Leaf) -> Iterator[str]:
        """What is wrong with this leaf."""
        body = leaf.body
        if leaf.type is LeafType.TICKET_RESERVED:
            ticket = str(body.get("ticket"))
            if ticket in self._reserved:
                yield f"leaf {leaf.n} reserves ticket {ticket} for the second time"
            self._reserved[ticket] = (body.get("channel"), body.get("batch"), body.get("class"))
        elif leaf.type is LeafType.RECORDING_OPENED and body.get("ticket") is not None:
            yield from self._opened(leaf, str(body["ticket"]))

    def _opened(self, leaf: Leaf, ticket: str) -> Iterator[str]:
        body = leaf.body
        kind = body.get("ticket_class")
        said = (body.get("channel"), body.get("ticket_batch"), kind)
        reserved = self._reserved.get(ticket)
        if kind == "emergency" and reserved is not None:  # one for all channels of the box and the day
            said = (reserved[0], *said[1:])
        if reserved != said:
            yield f"leaf {leaf.n} uses ticket {ticket}, which was not reserved for it"
        if (kind == "emergency") != bool(body.get("emergency", kind == "emergency")):
            yield f"leaf {leaf.n} does not say rightly whether ticket {ticket} is for emergencies"
        if ticket in self._used and kind == "recording":
            yield f"leaf {leaf.n} uses ticket {ticket} for a second recording"
        self._used.add(ticket)
