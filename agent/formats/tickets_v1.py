"""Ticket batches version 1 (docs/formats/tickets-v1.md): the text of a signed note to values and back. Pure.

Guarantees: a batch has exactly one spelling; `decode` refuses every other text with `tickets.bad`,
`tickets.version` or `tickets.duplicate`; fields that this version doesn't know survive. Leaves out the
signature, which the caller must verify first, and whether a recipient is a key (`agent/seal`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NoReturn

import rfc8785

from agent.model.errors import Refuse
from agent.model.ids import BOX_PATTERN, is_uuid7
from agent.model.outgoing import Json
from agent.model.times import from_rfc3339, rfc3339

VERSION = 1
MAX_BATCH = 4 * 1024 * 1024
MAX_TICKETS = 10_000
MAX_BOXES = 1_000
KEY_PREFIX = "edgeward.authority/"
_BOX = re.compile(BOX_PATTERN)
_SUITE = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_TEXT = re.compile(r"[\x20-\x7e]{1,200}")
_RECIPIENT = re.compile(r"[\x21-\x7e]{1,4096}")


class TicketClass(StrEnum):
    """What one ticket is for."""

    RECORDING = "recording"
    DAILY = "daily"
    EMERGENCY = "emergency"


# Highest levels that a suite and class may be for; sealed-v1.md decides the suite of a level.
LEVELS: Mapping[tuple[str, TicketClass], frozenset[int]] = {
    ("age-x25519", TicketClass.RECORDING): frozenset({3, 4}),
    ("age-x25519", TicketClass.DAILY): frozenset({2, 3}),
    ("age-x25519", TicketClass.EMERGENCY): frozenset({3, 4}),
    ("age-mlkem768x25519", TicketClass.RECORDING): frozenset({5}),
    ("age-mlkem768x25519", TicketClass.EMERGENCY): frozenset({5}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """One public key. `extra` are the fields of a later version."""

    id: str
    recipient: str
    extra: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What the authority signed. Times are wall times in nanoseconds, of microsecond precision."""

    batch: str
    authority: str
    boxes: tuple[str, ...]
    kind: TicketClass
    suite: str
    max_level: int
    not_before_ns: int
    not_after_ns: int
    retention: str
    tickets: tuple[Ticket, ...]
    extra: Mapping[str, Json] = field(default_factory=dict)

    def valid_at(self, wall_ns: int) -> bool:
        """True from `not_before` until just before `not_after`."""
        return self.not_before_ns <= wall_ns < self.not_after_ns

    def share_of(self, box: str) -> tuple[Ticket, ...]:
        """The tickets that only this box of the scope may take; none for another."""
        if box not in self.boxes:
            return ()
        return self.tickets[self.boxes.index(box) :: len(self.boxes)]


def is_authority_name(name: str) -> bool:
    """True for `edgeward.authority/NAME`."""
    return name.startswith(KEY_PREFIX) and _BOX.fullmatch(name.removeprefix(KEY_PREFIX)) is not None


def bad(why: str) -> Refuse:
    """The refusal of what is no batch. `why` names the rule, never the content."""
    return Refuse(
        "tickets.bad", f"not a ticket batch: {why}", "get the file again from the key authority, whole"
    )


def encode(batch: Batch) -> str:
    """The text of the note; refuses what `decode` would refuse."""
    document: dict[str, Json] = {
        **batch.extra,
        "v": VERSION,
        "batch": batch.batch,
        "authority": batch.authority,
        "boxes": list(batch.boxes),
        "class": batch.kind.value,
        "suite": batch.suite,
        "max_level": batch.max_level,
        "not_before": rfc3339(batch.not_before_ns),
        "not_after": rfc3339(batch.not_after_ns),
        "retention": batch.retention,
        "tickets": [{**one.extra, "id": one.id, "recipient": one.recipient} for one in batch.tickets],
    }
    _batch(document)
    return _canonical(document)


def decode(text: str) -> Batch:
    """The batch that `text` spells."""
    if len(text) > MAX_BATCH:
        raise bad(f"longer than {MAX_BATCH} bytes")
    try:
        document = json.loads(text, parse_float=_no_float, parse_constant=_no_float)
    except (ValueError, RecursionError):
        raise bad("not JSON") from None
    if not isinstance(document, dict) or _canonical(document) != text:
        raise bad("not the RFC 8785 spelling of an object and a line feed")
    return _batch(document)


def _no_float(_text: str) -> NoReturn:
    raise bad("it has a float")


def _canonical(document: Mapping[str, Json]) -> str:
    try:
        return rfc8785.dumps(dict(document)).decode("utf-8") + "\n"
    except (rfc8785.CanonicalizationError, UnicodeEncodeError, RecursionError):
        raise bad("it has no RFC 8785 spelling") from None


_FIELDS = {
    "v", "batch", "authority", "boxes", "class", "suite", "max_level", "not_before", "not_after", "retention",
    "tickets",
}  # fmt: skip


def _batch(document: Mapping[str, Json]) -> Batch:
    version = document.get("v")
    if version != VERSION or isinstance(version, bool):
        raise Refuse(
            "tickets.version", "a ticket batch of another version", "update edgeward, or ask for version 1"
        )
    if not document.keys() >= _FIELDS:
        raise bad(f"without {', '.join(sorted(_FIELDS - document.keys()))}")
    try:
        kind = TicketClass(_text(document, "class"))
        not_before_ns = from_rfc3339(_text(document, "not_before"))
        not_after_ns = from_rfc3339(_text(document, "not_after"))
    except ValueError:
        raise bad("class, not_before or not_after") from None
    authority = _text(document, "authority")
    if not is_authority_name(authority) or not_before_ns >= not_after_ns:
        raise bad("the authority's name, or a validity that ends before it begins")
    suite, level = _text(document, "suite", _SUITE), document["max_level"]
    if not isinstance(level, int) or level not in LEVELS.get((suite, kind), ()):
        raise bad("class, suite and max_level do not fit together")
    return Batch(
        batch=_uuid(document, "batch"),
        authority=authority,
        boxes=_boxes(document["boxes"]),
        kind=kind,
        suite=suite,
        max_level=level,
        not_before_ns=not_before_ns,
        not_after_ns=not_after_ns,
        retention=_text(document, "retention", _TEXT),
        tickets=_tickets(document["tickets"]),
        extra={key: value for key, value in document.items() if key not in _FIELDS},
    )


def _boxes(value: Json) -> tuple[str, ...]:
    if not isinstance(value, list) or not 1 <= len(value) <= MAX_BOXES:
        raise bad(f"boxes: 1 to {MAX_BOXES}")
    boxes = tuple(box for box in value if isinstance(box, str) and _BOX.fullmatch(box))
    if len(boxes) != len(value) or len(set(boxes)) != len(boxes):
        raise bad("boxes: something that is no name of a box, or a name that comes twice")
    return boxes


def _tickets(value: Json) -> tuple[Ticket, ...]:
    if not isinstance(value, list) or not 1 <= len(value) <= MAX_TICKETS:
        raise bad(f"tickets: 1 to {MAX_TICKETS}")
    tickets = tuple(_ticket(one) for one in value)
    if len({one.id for one in tickets}) != len(tickets) or len({one.recipient for one in tickets}) != len(
        tickets
    ):
        raise duplicate("an id or a recipient comes twice in it")
    return tickets


def duplicate(why: str) -> Refuse:
    """A ticket that is there already must not serve twice."""
    return Refuse(
        "tickets.duplicate", f"a ticket that is not new: {why}", "ask the key authority for a new batch"
    )


def _ticket(value: Json) -> Ticket:
    if not isinstance(value, dict) or not value.keys() >= {"id", "recipient"}:
        raise bad("a ticket without id or recipient")
    return Ticket(
        id=_uuid(value, "id"),
        recipient=_text(value, "recipient", _RECIPIENT),
        extra={key: item for key, item in value.items() if key not in ("id", "recipient")},
    )


def _uuid(document: Mapping[str, Json], name: str) -> str:
    text = _text(document, name)
    if not is_uuid7(text):
        raise bad(f"{name} is no version 7 UUID")
    return text


def _text(document: Mapping[str, Json], name: str, pattern: re.Pattern[str] | None = None) -> str:
    value = document[name]
    if not isinstance(value, str) or (pattern is not None and not pattern.fullmatch(value)):
        raise bad(f"field {name}")
    return value
