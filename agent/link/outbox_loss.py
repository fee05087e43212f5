"""Messages that were dropped, and the `data_loss` event that accounts for each of their numbers.

Guarantees: every `seq` that is taken away here stands in a range of exactly one `data_loss` message,
together with the numbers that the dropped message replaced. Losses merge into a waiting event of the
same cause as long as it was never claimed and stays under `MAX_RANGES`. The caller holds the transaction.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from typing import Any

from agent.model.outgoing import Outgoing, Priority

MAX_RANGES = 500
Lost = tuple[int, Priority, tuple[int, ...]]
"""A dropped message: its `seq`, class, and the numbers it replaced."""


def drop_oldest(db: sqlite3.Connection, priority: Priority, bytes_: int) -> list[Lost]:
    """Delete the oldest messages of a class until `bytes_` are free; spares claimed ones and data_loss."""
    lost: list[Lost] = []
    freed = 0
    rows = db.execute(
        "SELECT seq, size, replaces FROM messages WHERE priority = ? AND in_hand = 0 AND loss IS NULL "
        "ORDER BY seq",
        (int(priority),),
    )
    for seq, size, replaces in rows:
        if freed >= bytes_:
            break
        freed += int(size)
        lost.append((int(seq), priority, tuple(map(int, json.loads(replaces)))))
    rows.close()
    db.executemany("DELETE FROM messages WHERE seq = ?", [(each[0],) for each in lost])
    return lost


def messages(
    db: sqlite3.Connection, cause: str, lost: Iterable[Lost]
) -> Iterator[tuple[Outgoing, int | None]]:
    """The events to write, each with the `seq` of the waiting one that it takes the place of, or None."""
    seqs: list[int] = []
    classes: dict[str, int] = {}
    count = 0
    for seq, priority, replaces in lost:
        seqs += [seq, *replaces]
        name = priority.name.lower()
        classes[name] = classes.get(name, 0) + 1
        count += 1
    ranges = merge_ranges((seq, seq) for seq in seqs)
    row = db.execute(
        "SELECT seq, payload FROM messages WHERE loss = ? AND attempts = 0 ORDER BY seq DESC LIMIT 1",
        (cause,),
    ).fetchone()
    old_seq: int | None = None
    if row is not None:
        told: dict[str, Any] = json.loads(row[1])
        together = merge_ranges([*ranges, *((low, high) for low, high in told["ranges"])])
        if len(together) <= MAX_RANGES:
            old_seq, ranges, count = int(row[0]), together, count + int(told["count"])
            for name, number in told["classes"].items():
                classes[name] = classes.get(name, 0) + int(number)
    for start in range(0, len(ranges), MAX_RANGES):
        # Only the first part carries the counts: a receiver adds the parts up.
        part = ranges[start : start + MAX_RANGES]
        if start == 0:
            yield _event(cause, count, classes, part), old_seq
        else:
            yield _event(cause, 0, {}, part), None


def merge_ranges(ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Inclusive ranges in order, with neighbours joined."""
    merged: list[tuple[int, int]] = []
    for low, high in sorted(ranges):
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    return merged


def _event(cause: str, count: int, classes: dict[str, int], ranges: list[tuple[int, int]]) -> Outgoing:
    return Outgoing(
        entity="_",
        kind="e",
        type="data_loss",
        body={
            "cause": cause,
            "count": count,
            "classes": dict(classes),
            "ranges": [[low, high] for low, high in ranges],
        },
        priority=Priority.CRITICAL,
    )
