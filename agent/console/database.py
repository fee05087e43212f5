"""The console's SQLite file: tables, connections, and the translation of SQLite's errors.

Guarantees: WAL mode, mode 0600; what is committed is on the disk (synchronous FULL); rows of the audit
record can be neither changed nor deleted through SQL. Every `sqlite3.Error` becomes `Retry`
`console.database` (busy, full, I/O) or `Halt` `console.database-damaged`. Leaves out what the rows mean
(`rows.py`) and when they are written (`writer.py`).
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agent.link.outbox_db import statements
from agent.model.errors import Halt, Retry

BUSY_S = 2.0
_VERSION = 1
_SCHEMA = """
CREATE TABLE alarms (
    id TEXT PRIMARY KEY, box TEXT, entity TEXT NOT NULL, slug TEXT NOT NULL, code TEXT NOT NULL,
    severity TEXT NOT NULL, text TEXT NOT NULL, remedy TEXT NOT NULL, source TEXT NOT NULL,
    since TEXT NOT NULL, raised TEXT NOT NULL, active INTEGER NOT NULL, cleared TEXT,
    count INTEGER NOT NULL, state TEXT NOT NULL, by TEXT, reason TEXT, at TEXT) WITHOUT ROWID;
CREATE INDEX alarms_by_state ON alarms (state, id);
CREATE INDEX alarms_by_box ON alarms (box, id);
CREATE TABLE alarm_steps (
    n INTEGER PRIMARY KEY, alarm TEXT NOT NULL, at TEXT NOT NULL, step TEXT NOT NULL, by TEXT, reason TEXT);
CREATE INDEX steps_by_alarm ON alarm_steps (alarm, n);
CREATE TABLE metrics (
    box TEXT NOT NULL, entity TEXT NOT NULL, width INTEGER NOT NULL, start INTEGER NOT NULL,
    n INTEGER NOT NULL, n_rate INTEGER NOT NULL, rate_min REAL, rate_sum REAL, bitrate_sum REAL,
    lost_max REAL, jitter_max REAL, age_max REAL, cpu_sum REAL, rss_max REAL, free_min REAL, outbox_max REAL);
CREATE UNIQUE INDEX metrics_by_time ON metrics (box, entity, width, start);
CREATE INDEX metrics_by_age ON metrics (width, start);
CREATE TABLE events (
    id INTEGER PRIMARY KEY, box TEXT NOT NULL, entity TEXT NOT NULL, type TEXT NOT NULL, at TEXT NOT NULL,
    seq INTEGER NOT NULL, body TEXT NOT NULL, UNIQUE (box, seq, type, at));
CREATE INDEX events_by_box ON events (box, id);
CREATE TABLE recordings (
    id INTEGER PRIMARY KEY, recording TEXT NOT NULL, box TEXT NOT NULL, channel TEXT NOT NULL, opened TEXT,
    closed TEXT, body TEXT NOT NULL, UNIQUE (box, recording));
CREATE INDEX recordings_by_box ON recordings (box, id);
CREATE TABLE checks (
    id INTEGER PRIMARY KEY, run TEXT NOT NULL, box TEXT NOT NULL, at TEXT NOT NULL, body TEXT NOT NULL,
    UNIQUE (box, run));
CREATE TABLE commands (
    cmd_id TEXT PRIMARY KEY, box TEXT NOT NULL, done INTEGER NOT NULL, body TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX commands_by_done ON commands (done, cmd_id);
CREATE TABLE command_steps (
    n INTEGER PRIMARY KEY, cmd_id TEXT NOT NULL, at TEXT NOT NULL, step TEXT NOT NULL, by TEXT, detail TEXT);
CREATE INDEX steps_by_command ON command_steps (cmd_id, n);
CREATE TABLE counters (
    key TEXT NOT NULL, box TEXT NOT NULL, counter INTEGER NOT NULL, PRIMARY KEY (key, box)) WITHOUT ROWID;
CREATE TABLE accounts (account TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE boxes (box TEXT PRIMARY KEY, heard INTEGER) WITHOUT ROWID;
CREATE TABLE audit (
    id INTEGER PRIMARY KEY, at TEXT NOT NULL, account TEXT, terminal TEXT, action TEXT NOT NULL, object TEXT,
    box TEXT, result TEXT NOT NULL, code TEXT, detail TEXT, hash TEXT NOT NULL);
CREATE TRIGGER audit_stays BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'the audit record is kept'); END;
CREATE TRIGGER audit_is BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'the audit record is kept'); END;
"""


def open_database(path: Path) -> sqlite3.Connection:
    """A connection to write with; the file is made when absent. Raises `Retry`, `Halt`."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError as error:
        text = f"can't open {path}: {error.strerror}"
        raise Retry("console.database", text, "check the folder and its owner", after_s=5.0) from error
    db: sqlite3.Connection | None = None
    try:
        with translated():
            db = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = FULL")
            _prepare(db)
    except (Retry, Halt):
        if db is not None:
            db.close()
        raise
    return db


def open_to_read(path: Path) -> sqlite3.Connection:
    """A connection that can only read, for another thread than the writer's."""
    with translated():
        db = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=BUSY_S, isolation_level=None,
            check_same_thread=False,
        )  # fmt: skip
        db.row_factory = sqlite3.Row
        return db


def _prepare(db: sqlite3.Connection) -> None:
    with transaction(db):
        version = db.execute("PRAGMA user_version").fetchone()[0]
        if version == 0:
            for statement in statements(_SCHEMA):
                db.execute(statement)
            db.execute(f"PRAGMA user_version = {_VERSION:d}")
        elif version != _VERSION:
            text = f"the console's database has version {version}, known is {_VERSION}"
            raise Halt(
                "console.database-damaged", text, "install the newer console again, or another database"
            )


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """One write transaction, whole or nothing. Raises `Retry`, `Halt`."""
    with translated():
        db.execute("BEGIN IMMEDIATE")
        try:
            yield db
            db.execute("COMMIT")
        except BaseException:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise


@contextmanager
def translated() -> Iterator[None]:
    """Turns SQLite's errors into ours."""
    try:
        yield
    except (sqlite3.ProgrammingError, sqlite3.IntegrityError):
        raise  # our own mistake, such as use after close
    except sqlite3.OperationalError as error:
        advice = "check free space and the disk of the console's database; nothing of it is lost so far"
        text = f"the console's database can't be used now: {error}"
        raise Retry("console.database", text, advice, after_s=5.0) from error
    except sqlite3.DatabaseError as error:
        advice = "move the database away and start again: states come back from the broker, history does not"
        raise Halt(
            "console.database-damaged", f"the console's database is damaged: {error}", advice
        ) from error
