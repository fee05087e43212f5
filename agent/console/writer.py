"""Writes to the database from one thread, in order, without ever holding up the event loop.

Guarantees: `put` never waits; what was put is written within seconds, in one transaction with what came
before, or waits in memory while the disk is full or the file locked (`failing`); measurements are dropped
first when too much waits, and counted. `must` returns when its rows are on the disk, or raises `Retry` and
none of them is ever written. Entries of the audit record get their number and hash here. Leaves out reading
(`Reader`, beside it).
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from agent.console.audit import FIRST, Entry, chained
from agent.console.database import open_database, open_to_read, transaction, translated
from agent.model.errors import Retry

MOST_WAITING = 100_000
MOST_MEASUREMENTS = 200_000
_INSERT_AUDIT = "INSERT INTO audit VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Statement:
    """One SQL statement."""

    sql: str
    values: tuple[Any, ...] = ()


Row: TypeAlias = Statement | Entry


class Writer:
    """See the module's text. `changed` is called when `failing` changes."""

    def __init__(self, path: Path, changed: Callable[[], None]) -> None:
        """Raises `Retry`, `Halt`."""
        self._db = open_database(path)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="console-writer")
        self._turn = asyncio.Lock()
        self._waiting: list[Row] = []
        self._measurements: list[Statement] = []
        self._changed = changed
        self._number, self._head = self._last()
        self.failing: str | None = None
        self.dropped = 0

    def put(self, *rows: Row) -> None:
        """To be written with the next `flush`.

        Beyond `MOST_WAITING` rows the new ones are dropped and counted.
        """
        room = MOST_WAITING - len(self._waiting)
        self._waiting += rows[:room]
        self.dropped += len(rows[max(0, room) :])

    def put_measurements(self, rows: Sequence[Statement]) -> None:
        """As `put`, for what matters least."""
        room = max(0, MOST_MEASUREMENTS - len(self._measurements))
        self._measurements += rows[:room]
        self.dropped += len(rows[room:])

    @property
    def waiting(self) -> int:
        """Rows that are not on the disk yet."""
        return len(self._waiting) + len(self._measurements)

    async def flush(self) -> bool:
        """Writes what waits. False when it could not be written now; it waits on."""
        # Who gives up waiting for us must not leave rows between memory and disk.
        return await asyncio.shield(asyncio.ensure_future(self._flush()))

    async def must(self, *rows: Row) -> None:
        """Writes `rows` after all that waits, now. Raises `Retry`: none of `rows` is written then, ever."""
        await asyncio.shield(asyncio.ensure_future(self._must(rows)))

    async def _flush(self) -> bool:
        async with self._turn:
            rows, measurements = self._waiting, self._measurements
            if not rows and not measurements:
                return self.failing is None
            self._waiting, self._measurements = [], []
            try:
                await self._commit([*rows, *measurements])
            except Retry as error:
                self._waiting = rows + self._waiting
                self._measurements = measurements + self._measurements
                self._is_failing(error.text)
                return False
            self._is_failing(None)
            return True

    async def _must(self, rows: Sequence[Row]) -> None:
        async with self._turn:
            before, self._waiting = self._waiting, []
            try:
                await self._commit([*before, *rows])
            except Retry as error:
                self._waiting = before + self._waiting
                self._is_failing(error.text)
                raise
            self._is_failing(None)

    async def close(self) -> None:
        """Writes what can be written and lets go of the file."""
        await self.flush()
        self._thread.shutdown(wait=True)
        self._db.close()

    async def _commit(self, rows: Sequence[Row]) -> None:
        await asyncio.get_running_loop().run_in_executor(self._thread, self._write, rows)

    def _write(self, rows: Sequence[Row]) -> None:
        """In our thread, which alone knows the end of the chain."""
        self._number, self._head, unstorable = _write(self._db, rows, self._number, self._head)
        self.dropped += unstorable

    def _is_failing(self, why: str | None) -> None:
        news = (self.failing is None) != (why is None)
        self.failing = why
        if news:
            self._changed()

    def _last(self) -> tuple[int, str]:
        with translated():
            found = self._db.execute("SELECT id, hash FROM audit ORDER BY id DESC LIMIT 1").fetchone()
        return (0, FIRST) if found is None else (int(found[0]), str(found[1]))


def _write(db: sqlite3.Connection, rows: Sequence[Row], number: int, head: str) -> tuple[int, str, int]:
    """The new end of the chain, and how many rows no database can hold (a defect: told as dropped)."""
    unstorable = 0
    with transaction(db):
        for row in rows:
            if isinstance(row, Entry):
                number += 1
                values = row.values()
                head = chained(head, number, values)
                db.execute(_INSERT_AUDIT, (number, *values, head))
                continue
            try:
                db.execute(row.sql, row.values)
            except (OverflowError, UnicodeError):
                unstorable += 1  # it would be so for ever, and hold up everything behind it
    return number, head, unstorable


class Reader:
    """Reads in a thread and over a connection of its own, so that a busy writer holds nobody up."""

    def __init__(self, path: Path) -> None:
        self._db = open_to_read(path)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="console-reader")

    async def read(self, ask: Callable[[sqlite3.Connection], T]) -> T:
        """What `ask` gives. Raises `Retry`, `Halt`."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, _ask, self._db, ask)

    def close(self) -> None:
        """Ends the thread."""
        self._thread.shutdown(wait=True)
        self._db.close()


def _ask(db: sqlite3.Connection, ask: Callable[[sqlite3.Connection], T]) -> T:
    with translated():
        return ask(db)
