"""What must be known before a ticket is destroyed: that no box will give it out afterwards. Pure.

Guarantees: a ticket passes only when a recording's manifest names it, when the record says that a capsule was
opened with it, or when it was withdrawn before and somebody says that the boxes know. A ticket of the day
passes by a manifest only on a later day, since the box takes it again until midnight (UTC). It is a guard
against losing recordings by mistake: a manifest is not signed, and who forges one could destroy anyway.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from agent.formats.tickets_v1 import TicketClass
from agent.model.errors import Refuse
from agent.model.times import from_rfc3339, rfc3339

MAX_MANIFEST = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """A manifest's word that a recording was sealed to a ticket."""

    ticket: str
    batch: str
    day: str


def use_in(manifest: bytes) -> Use:
    """The ticket that a recording's `manifest.json` names; Refuse `authority.bad-manifest`."""
    try:
        document = json.loads(manifest) if len(manifest) <= MAX_MANIFEST else None
        if not isinstance(document, dict):
            raise ValueError("no object")
        ticket, batch, opened = (document[name] for name in ("ticket", "ticket_batch", "opened"))
        day = rfc3339(from_rfc3339(opened))[:10]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise _bad_manifest("it is no manifest of a recording with tickets") from None
    if not isinstance(ticket, str) or not isinstance(batch, str):
        raise _bad_manifest("its recording has no ticket")
    return Use(ticket=ticket, batch=batch, day=day)


def must_be_spent(
    doomed: Iterable[str],
    kinds: Mapping[str, tuple[str, TicketClass]],
    uses: Sequence[Use],
    unwrapped: Iterable[str],
    withdrawn: Iterable[str],
    *,
    boxes_know: bool,
    wall_ns: int,
) -> None:
    """Refuse `authority.maybe-unspent`, `authority.in-use-today`, `authority.not-withdrawn`.

    `kinds` gives batch and class of each ticket; `boxes_know` says that withdrawals were imported everywhere.
    """
    opened_with, taken_back = set(unwrapped), set(withdrawn)
    today = rfc3339(wall_ns)[:10]
    for ticket in sorted(doomed):
        batch, kind = kinds[ticket]
        if boxes_know and ticket in taken_back:
            continue
        days = {use.day for use in uses if (use.ticket, use.batch) == (ticket, batch)}
        if kind is not TicketClass.RECORDING and days and max(days) >= today:
            raise Refuse(
                "authority.in-use-today",
                f"ticket {ticket} serves a whole day, and its box may take it again until midnight (UTC)",
                "destroy it tomorrow",
            )
        if days or (kind is TicketClass.RECORDING and ticket in opened_with):
            continue
        if boxes_know:
            raise Refuse(
                "authority.not-withdrawn",
                f"ticket {ticket} was not withdrawn, so no box can know",
                "edgeward authority withdraw, import its list at every box of the scope, then destroy",
            )
        raise Refuse(
            "authority.maybe-unspent",
            f"nothing shows that ticket {ticket} was used: a recording that takes it later would be lost",
            "give the manifest.json of its recording with --manifest; or withdraw it, import the list at "
            "every box, and say --unspent",
        )


def _bad_manifest(why: str) -> Refuse:
    return Refuse(
        "authority.bad-manifest", why, "give RECORDING/manifest.json of the vault, as it is on the box"
    )
