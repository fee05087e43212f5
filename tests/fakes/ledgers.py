"""Small ledgers for tests: a fixed key, a fixed clock, leaves that count."""

from __future__ import annotations

from pathlib import Path

from agent.formats.ledger_v1 import LeafType
from agent.ledger.log import Ledger, NewLeaf
from agent.ledger.signing import SigningKey
from agent.model.outgoing import Json
from tests.fakes.clock import FakeClock

BOX = "or-3"
NAME = f"edgeward.box/{BOX}"
KEY = SigningKey.generate(bytes(range(32)), NAME)
OTHER_KEY = SigningKey.generate(bytes(range(1, 33)), NAME)


def gap(number: int, word: str = "gap") -> NewLeaf:
    """A leaf to append whose body says `number`."""
    body: dict[str, Json] = {"number": number, "word": word}
    return NewLeaf(now=FakeClock().now(), boot=1, type=LeafType.GAP, body=body)


def grow(directory: Path, count: int, *, word: str = "gap", key: SigningKey = KEY) -> Ledger:
    """Open the log and append `count` leaves."""
    ledger = Ledger.open(directory, BOX, key)
    ledger.append_many([gap(number, word) for number in range(count)])
    return ledger


def closed(directory: Path, count: int, *, word: str = "gap", key: SigningKey = KEY) -> bytes:
    """Make a log of `count` leaves with a checkpoint, close it, give the checkpoint note."""
    ledger = grow(directory, count, word=word, key=key)
    note = ledger.checkpoint(FakeClock().now())
    ledger.close()
    return note
