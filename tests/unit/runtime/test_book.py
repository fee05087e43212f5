"""The book: a ledger that nothing is written into says so."""

from __future__ import annotations

from pathlib import Path

from agent.formats.ledger_v1 import LeafType
from agent.runtime.book import HEARTBEAT_NS, Book
from agent.runtime.telemetry import Alarm
from tests.unit.runtime.vaults import SmallBox

HEARTBEAT_S = HEARTBEAT_NS / 1e9


def _beats(book: Book, box: SmallBox, seconds: float) -> int:
    """How many leaves a tick writes after `seconds`."""
    box.clock.advance(seconds)
    before = book.leaves
    book.tick(busy=False)
    return book.leaves - before


def test_a_silent_ledger_has_heartbeats_and_a_busy_one_has_none(tmp_path: Path) -> None:
    box = SmallBox(tmp_path)
    with box.running() as run:
        book = run.book
        book.tick(busy=False)
        assert _beats(book, box, HEARTBEAT_S - 1) == 0
        assert _beats(book, box, 1) == 1
        assert _beats(book, box, HEARTBEAT_S - 1) == 0
        book.raise_alarm(Alarm(entity="_", code="a.b", severity="warning", text="t", remedy="r"))
        assert _beats(book, box, 1) == 0, "the alarm has spoken"
        assert _beats(book, box, HEARTBEAT_S) == 1
        [first, second] = [one for one in run.booted.ledger.leaves() if one.type is LeafType.HEARTBEAT]
        assert (first.body, second.body) == ({"alarms": 0}, {"alarms": 1})
    assert box.verify().ok
