"""`verify` names a ticket that served twice, or that nobody reserved."""

from __future__ import annotations

import pytest

from agent.formats.ledger_v1 import Leaf, LeafType
from agent.model.outgoing import Json
from agent.model.times import ClockQuality
from agent.runtime.ticket_account import TicketAccount


def reserved(ticket: str, kind: str = "recording", channel: str = "ch0") -> tuple[LeafType, dict[str, Json]]:
    return LeafType.TICKET_RESERVED, {"ticket": ticket, "batch": "b", "class": kind, "channel": channel}


def opened(
    ticket: str | None, kind: str = "recording", channel: str = "ch0"
) -> tuple[LeafType, dict[str, Json]]:
    body: dict[str, Json] = {"ticket": ticket, "ticket_batch": "b", "ticket_class": kind, "channel": channel}
    return LeafType.RECORDING_OPENED, body


def judge(*facts: tuple[LeafType, dict[str, Json]]) -> list[str]:
    account = TicketAccount()
    found: list[str] = []
    for n, (kind, body) in enumerate(facts):
        leaf = Leaf(
            box="test-box", boot=1, n=n, wall="2026-11-24T00:00:00.000000Z", mono_ns=1,
            clk=ClockQuality.SYNCED, type=kind, std=(), actor="agent", authority="policy", body=body,
        )  # fmt: skip
        found += account.take(leaf)
    return found


@pytest.mark.parametrize(
    "facts",
    [
        [reserved("a"), opened("a"), reserved("b"), opened("b")],
        [reserved("a"), reserved("b"), opened("b")],
        [reserved("a", "daily"), opened("a", "daily"), opened("a", "daily")],
        [(LeafType.RECORDING_OPENED, {"channel": "ch0"})],
        [opened(None)],
        [reserved("a", "emergency"), opened("a", "emergency"), opened("a", "emergency", channel="ch1")],
    ],
)
def test_what_an_honest_box_writes_is_good(facts: list[tuple[LeafType, dict[str, Json]]]) -> None:
    assert judge(*facts) == []


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ([reserved("a"), reserved("a")], "leaf 1 reserves ticket a for the second time"),
        ([opened("a")], "leaf 0 uses ticket a, which was not reserved"),
        ([reserved("a", channel="ch1"), opened("a")], "leaf 1 uses ticket a, which was not reserved"),
        ([reserved("a", "daily"), opened("a")], "leaf 1 uses ticket a, which was not reserved"),
        ([opened("a", "emergency")], "leaf 0 uses ticket a, which was not reserved"),
        ([reserved("a"), opened("a", "emergency")], "leaf 1 uses ticket a, which was not reserved"),
        ([reserved("a"), opened("a"), opened("a")], "leaf 2 uses ticket a for a second recording"),
    ],
)
def test_what_it_never_writes_is_named(facts: list[tuple[LeafType, dict[str, Json]]], words: str) -> None:
    [problem] = judge(*facts)
    assert problem.startswith(words)
