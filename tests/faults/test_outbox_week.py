"""Days without a broker, in short: one hour of eight channels against bounds that are as much too small.

`tests/bench/outbox_week.py` is the same at full size. Here the bounds are reached soon, so a part of
what is told must be dropped, and every dropped number must be told.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import pytest

from agent.link.outbox import Depth, Limits, Outbox
from agent.model.outgoing import Priority
from tests.fakes.clock import FakeClock
from tests.fakes.weeks import BOOT, BOX, Account, Dark, drain, fill

HOURS = 1
CHANNELS = 8
KIB = 1024
LIMITS = Limits(
    total_bytes=900 * KIB,
    class_bytes=MappingProxyType(
        {
            Priority.CRITICAL: 200 * KIB,
            Priority.ALARM: 200 * KIB,
            Priority.EVENT: 500 * KIB,
            Priority.STATE: 100 * KIB,
            Priority.MEASUREMENT: 300 * KIB,
        }
    ),
)
FLAT_BYTES = 4 * 1024 * KIB


@dataclass(frozen=True, slots=True)
class Spool:
    """A file that was filled in the dark, and what waited in it."""

    path: Path
    dark: Dark
    depth: Depth


@pytest.fixture(scope="module")
def spool(tmp_path_factory: pytest.TempPathFactory) -> Spool:
    path = tmp_path_factory.mktemp("dark") / "outbox.sqlite3"
    dark = fill(path, LIMITS, seconds=HOURS * 3600, channels=CHANNELS)
    outbox = Outbox.open(path, BOX, BOOT, LIMITS)
    depth = outbox.depth(FakeClock().now())
    outbox.close()
    return Spool(path, dark, depth)


@pytest.fixture(scope="module")
def drained(spool: Spool) -> Account:
    dark = spool.dark
    account = Account(dark.last_seq)
    outbox = Outbox.open(spool.path, BOX, BOOT, LIMITS)
    try:
        for rows in drain(outbox):
            for row in rows:
                seq = account.take(row.topic, row.payload)
                account.in_turn(
                    Priority(dark.classes[seq] - 1) if dark.classes[seq] else Priority.CRITICAL, seq
                )
    finally:
        outbox.close()
    return account


def test_memory_is_flat_and_the_disk_within_the_bound(spool: Spool) -> None:
    dark = spool.dark
    assert dark.rss_late - dark.rss_early < FLAT_BYTES
    # Rows have indexes, and SQLite's log holds 1000 pages before it is folded back.
    assert dark.file_bytes < 2 * LIMITS.total_bytes + 5 * 1024 * KIB


def test_every_number_is_explained_once(drained: Account) -> None:
    assert drained.unexplained() == []
    assert drained.both() == []
    assert drained.declared == sum(drained.lost), "nothing that was lost had replaced others"
    assert drained.loss_events


def test_every_class_came_in_its_order(drained: Account) -> None:
    assert drained.out_of_order == 0


@pytest.mark.parametrize("priority", [Priority.EVENT, Priority.MEASUREMENT])
def test_what_was_lost_is_the_oldest_and_no_more_than_needed(
    spool: Spool, drained: Account, priority: Priority
) -> None:
    dark = spool.dark
    of_class = [seq for seq in range(1, dark.last_seq + 1) if dark.classes[seq] == 1 + priority]
    lost = [seq for seq in of_class if drained.lost[seq]]
    kept = [seq for seq in of_class if drained.arrived[seq]]
    assert lost
    assert max(lost) < min(kept)


def test_what_is_kept_fills_the_bound(spool: Spool) -> None:
    both = LIMITS.class_bytes[Priority.EVENT] + LIMITS.class_bytes[Priority.MEASUREMENT]
    # Each overflow frees a sixteenth more of its class than needed, so that they do not come one by one.
    assert both * 14 // 16 < spool.depth.bytes <= LIMITS.total_bytes


def test_nothing_is_lost_inside_the_bound(tmp_path: Path) -> None:
    path = tmp_path / "outbox.sqlite3"
    dark = fill(path, LIMITS, seconds=300, channels=CHANNELS)
    account = Account(dark.last_seq)
    outbox = Outbox.open(path, BOX, BOOT, LIMITS)
    for rows in drain(outbox):
        for row in rows:
            account.take(row.topic, row.payload)
    outbox.close()
    assert account.loss_events == 0
    assert sum(account.arrived) == dark.last_seq
