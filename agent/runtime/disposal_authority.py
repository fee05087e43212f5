"""What the key authority says of destroyed tickets, read on the box (docs/formats/tickets-v1.md, Record).

Guarantees: only notes that the given authority signed count, and only entries of type `destroyed`. Leaves
out the chain of the record: a single note shows that it was signed, not that it still stands in the record;
`edgeward authority audit` shows that. The box has none of the authority's code in its process.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import rfc8785

from agent.formats.certificate_v1 import MAX_AUTHORITY_NOTES
from agent.ledger.signing import Verifier
from agent.model.errors import Refuse
from agent.model.ids import is_uuid7

_FIELDS = {"v", "n", "prev", "at", "type", "epoch", "epoch_recipient", "body"}
_ADVICE = "give the record files of the destruction: AUTHORITY/record/NNNNNNNN.note, of type destroyed"


@dataclass(frozen=True, slots=True, kw_only=True)
class DestroyedNote:
    """One signed entry of type `destroyed`."""

    authority: str
    note: str
    sha256: str
    at: str
    tickets: frozenset[str]


def read_destroyed(note: str, verifier: Verifier) -> DestroyedNote:
    """The entry in `note`; Refuse `destroy.bad-record`, `note.*`."""
    data = note.encode("utf-8")
    text = verifier.verify(data, MAX_AUTHORITY_NOTES).text
    try:
        document = json.loads(text)
        if set(document) != _FIELDS or rfc8785.dumps(document).decode() + "\n" != text:
            raise ValueError("fields or spelling")
        if document["v"] != 1 or document["type"] != "destroyed":
            raise ValueError("it is no entry of type destroyed")
        tickets = document["body"]["tickets"]
        if not isinstance(tickets, list) or not all(
            isinstance(one, str) and is_uuid7(one) for one in tickets
        ):
            raise ValueError("its tickets")
    except (ValueError, TypeError, KeyError, RecursionError, rfc8785.CanonicalizationError) as error:
        raise Refuse("destroy.bad-record", f"not a destruction record: {error}", _ADVICE) from None
    return DestroyedNote(
        authority=verifier.name,
        note=note,
        sha256=hashlib.sha256(data).hexdigest(),
        at=str(document["at"]),
        tickets=frozenset(tickets),
    )


def records_for(
    tickets: Iterable[str], notes: Sequence[str], verifier: Verifier | None
) -> tuple[DestroyedNote, ...]:
    """The notes that name these tickets, in the order given; Refuse when one is named by none.

    Refuse `destroy.no-authority`, `destroy.ticket-lives`, `destroy.bad-record`, `destroy.records-too-long`.
    """
    wanted = set(tickets)
    if not wanted:
        return ()
    if verifier is None:
        raise Refuse(
            "destroy.no-authority",
            "the configuration names no key authority, so nothing proves that a ticket is destroyed",
            "put the authority's signing.vkey into agent.toml: [tickets] authority = ...",
        )
    if sum(len(note.encode("utf-8")) for note in notes) > MAX_AUTHORITY_NOTES:
        raise Refuse(
            "destroy.records-too-long",
            f"more than {MAX_AUTHORITY_NOTES} bytes of records",
            "split the request",
        )
    read = [read_destroyed(note, verifier) for note in notes]
    used = tuple(one for one in read if one.tickets & wanted)
    for ticket in sorted(wanted - {name for one in used for name in one.tickets}):
        raise Refuse(
            "destroy.ticket-lives",
            f"no record of the authority says that ticket {ticket} is destroyed",
            "run at the authority: edgeward authority destroy TICKET, and give its new record file",
        )
    return used
