"""Withdrawals of tickets version 1 (docs/formats/tickets-v1.md, Withdrawal): a note's text, its value. Pure.

Guarantees: one list has exactly one spelling; `decode` refuses every other text (`tickets.bad-withdrawal`).
Leaves out the signature, which the caller must verify first.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NoReturn

import rfc8785

from agent.formats.tickets_v1 import MAX_BATCH, is_authority_name
from agent.model.errors import Refuse
from agent.model.ids import is_uuid7
from agent.model.outgoing import Json
from agent.model.times import from_rfc3339, rfc3339

VERSION = 1
TAG = "edgeward.ticket-withdrawal/v1\n"
MAX_TICKETS = 100_000
_FIELDS = {"v", "withdrawal", "authority", "at", "tickets"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawal:
    """Tickets that no box may give out any more: all that the authority has withdrawn up to `at_ns`."""

    withdrawal: str
    authority: str
    at_ns: int
    tickets: tuple[str, ...]


def is_withdrawal(note: bytes) -> bool:
    """True when a signed note says of itself that it is one; nothing is verified."""
    return note.startswith(TAG.encode("ascii"))


def encode(one: Withdrawal) -> str:
    """The text of the note; refuses what `decode` would refuse."""
    document: dict[str, Json] = {
        "v": VERSION,
        "withdrawal": one.withdrawal,
        "authority": one.authority,
        "at": rfc3339(one.at_ns),
        "tickets": list(one.tickets),
    }
    text = TAG + _canonical(document)
    decode(text)
    return text


def decode(text: str) -> Withdrawal:
    """The list that `text` spells."""
    if len(text) > MAX_BATCH or not text.startswith(TAG):
        raise bad("too long, or without its first line")
    body = text.removeprefix(TAG)
    try:
        document = json.loads(body, parse_float=_no_float, parse_constant=_no_float)
    except (ValueError, RecursionError):
        raise bad("not JSON") from None
    if not isinstance(document, dict) or document.keys() != _FIELDS or _canonical(document) != body:
        raise bad("not the RFC 8785 spelling of its five fields and a line feed")
    version, authority, name = document["v"], document["authority"], document["withdrawal"]
    if version != VERSION or isinstance(version, bool):
        raise bad("another version")
    if not isinstance(authority, str) or not is_authority_name(authority):
        raise bad("the authority's name")
    if not isinstance(name, str) or not is_uuid7(name) or not isinstance(document["at"], str):
        raise bad("its id or time")
    try:
        at_ns = from_rfc3339(document["at"])
    except ValueError:
        raise bad("its time") from None
    return Withdrawal(
        withdrawal=name, authority=authority, at_ns=at_ns, tickets=_tickets(document["tickets"])
    )


def bad(why: str) -> Refuse:
    """The refusal of what is no list."""
    return Refuse(
        "tickets.bad-withdrawal",
        f"not a list of withdrawn tickets: {why}",
        "get the file again from the key authority, whole",
    )


def _tickets(value: Json) -> tuple[str, ...]:
    if not isinstance(value, list) or not 1 <= len(value) <= MAX_TICKETS:
        raise bad(f"1 to {MAX_TICKETS} tickets")
    tickets = tuple(one for one in value if isinstance(one, str) and is_uuid7(one))
    if len(tickets) != len(value) or list(tickets) != sorted(set(tickets)):
        raise bad("tickets: ids in order, none twice")
    return tickets


def _no_float(_text: str) -> NoReturn:
    raise bad("it has a float")


def _canonical(document: Mapping[str, Json]) -> str:
    try:
        return rfc8785.dumps(dict(document)).decode("utf-8") + "\n"
    except (rfc8785.CanonicalizationError, UnicodeEncodeError, RecursionError):
        raise bad("it has no RFC 8785 spelling") from None
