"""The outbox's SQLite file: tables, transactions, and the translation of SQLite's errors.

Guarantees: WAL mode; `sums` is kept by triggers, so it always agrees with the rows; a transaction is
whole or nothing and is on the disk at its end when `full` is asked for. Every `sqlite3.Error` becomes
`Retry` `outbox.write` (busy, full, I/O) or `Halt` `outbox.damaged`.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from agent.model.errors import Halt, Retry

BUSY_TIMEOUT_S = 5.0
_SCHEMA_VERSION = 1
_SCHEMA = """
CREATE TABLE messages (
    seq INTEGER PRIMARY KEY, topic TEXT NOT NULL, priority INTEGER NOT NULL, payload BLOB NOT NULL,
    size INTEGER NOT NULL, retain INTEGER NOT NULL, clear INTEGER NOT NULL, coalesce INTEGER NOT NULL,
    replaces TEXT NOT NULL, created_ns INTEGER NOT NULL, in_hand INTEGER NOT NULL DEFAULT 0,
    attempts INTEGER NOT NULL DEFAULT 0, refusals INTEGER NOT NULL DEFAULT 0, loss TEXT);
CREATE INDEX by_turn ON messages (priority, in_hand, seq);
CREATE INDEX by_topic ON messages (topic, seq);
CREATE TABLE retained (
    topic TEXT PRIMARY KEY, seq INTEGER NOT NULL, priority INTEGER NOT NULL, payload BLOB NOT NULL,
    size INTEGER NOT NULL, created_ns INTEGER NOT NULL);
CREATE TABLE quarantine (seq INTEGER PRIMARY KEY, topic TEXT NOT NULL, payload BLOB NOT NULL);
CREATE TABLE meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL);
INSERT INTO meta VALUES ('seq', 0), ('session', 0);
CREATE TABLE sums (priority INTEGER PRIMARY KEY, row_count INTEGER NOT NULL, bytes INTEGER NOT NULL);
INSERT INTO sums VALUES (0, 0, 0), (1, 0, 0), (2, 0, 0), (3, 0, 0), (4, 0, 0);
CREATE TRIGGER came AFTER INSERT ON messages BEGIN
    UPDATE sums SET row_count = row_count + 1, bytes = bytes + new.size WHERE priority = new.priority; END;
CREATE TRIGGER went AFTER DELETE ON messages BEGIN
    UPDATE sums SET row_count = row_count - 1, bytes = bytes - old.size WHERE priority = old.priority; END;
"""


def open_database(path: Path) -> sqlite3.Connection:
    """A connection in WAL mode to the file at `path`, which is made (mode 0600) when absent."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise Retry(
            "outbox.write", f"can't open {path}: {error.strerror}", "Check the state folder.", after_s=5.0
        ) from error
    db: sqlite3.Connection | None = None
    try:
        with translated():
            db = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
            db.execute("PRAGMA journal_mode = WAL")
            _prepare(db)
    except (Retry, Halt):
        if db is not None:
            db.close()
        raise
    return db


def _prepare(db: sqlite3.Connection) -> None:
    with Transaction(db, full=True):
        version = db.execute("PRAGMA user_version").fetchone()[0]
        if version == 0:
            for statement in statements(_SCHEMA):
                db.execute(statement)
            db.execute(f"PRAGMA user_version = {_SCHEMA_VERSION:d}")
        elif version != _SCHEMA_VERSION:
            raise Halt(
                "outbox.damaged",
                f"the outbox has version {version}, known is {_SCHEMA_VERSION}",
                "Install the newer agent again, or move the outbox file away.",
            )


def statements(script: str) -> Iterator[str]:
    """The statements of `script`, one by one: `executescript` would commit the open transaction first."""
    statement = ""
    for line in script.splitlines():
        statement += line + "\n"
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


class Transaction:
    """`with Transaction(db, full=True) as db:` one write transaction; `full` adds the fsync at its end."""

    def __init__(self, db: sqlite3.Connection, *, full: bool) -> None:
        self._db = db
        self._full = full

    def __enter__(self) -> sqlite3.Connection:
        with translated():
            # Allowed only outside of a transaction; 2 = FULL, 1 = NORMAL.
            self._db.execute(f"PRAGMA synchronous = {2 if self._full else 1}")
            self._db.execute("BEGIN IMMEDIATE")
        return self._db

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with translated():
            if error is None:
                try:
                    self._db.execute("COMMIT")
                except sqlite3.Error:
                    self._roll_back()
                    raise
                return
            self._roll_back()
            if isinstance(error, sqlite3.Error):
                raise error

    def _roll_back(self) -> None:
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")


@contextmanager
def translated() -> Iterator[None]:
    """Turns SQLite's errors into ours."""
    try:
        yield
    except sqlite3.ProgrammingError:
        raise  # our own mistake, such as use after close
    except sqlite3.OperationalError as error:
        raise Retry(
            "outbox.write",
            f"the outbox can't be used now: {error}",
            "Check free space and the state folder's disk.",
            after_s=5.0,
        ) from error
    except sqlite3.DatabaseError as error:
        raise Halt(
            "outbox.damaged",
            f"the outbox is damaged: {error}",
            "Move the outbox file away and restart; recordings are not affected.",
        ) from error
