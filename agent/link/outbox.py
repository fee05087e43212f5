"""Messages that wait for the controller, durable in SQLite (docs/formats/mqtt-v1.md, "Sequence numbers").

Guarantees: a message gets its `seq` in the transaction that stores it and leaves only through `done`,
through overflow, or into quarantine; the last two are told in a `data_loss` event. No `seq` leaves the
box before its row and its counter are durable (`claim` sees to it), so a power cut can't give one number
to two messages. The spool is never loaded: `claim` reads as many rows as asked for.
One `Outbox` is one connection, usable from several threads; keeper and link each open their own.
Raises `Retry` `outbox.write` (disk full, busy), `Halt` `outbox.damaged`, `Refuse` from `mqtt_v1.encode`.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import RLock
from types import MappingProxyType

from agent.formats import mqtt_v1
from agent.link import outbox_loss
from agent.link.outbox_db import Transaction, open_database, translated
from agent.model.errors import Retry
from agent.model.outgoing import Outgoing, Priority
from agent.model.times import NS_PER_S, Instant

MIB = 1 << 20
MAX_REPLACES = 64
MAX_QUARANTINE = 100
REFUSALS_BEFORE_QUARANTINE = 2
_INSERT = """INSERT INTO messages
    (seq, topic, priority, payload, size, retain, clear, coalesce, replaces, created_ns)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""
_TAKE = """UPDATE messages SET in_hand = 1, attempts = attempts + 1
    WHERE seq IN (SELECT value FROM json_each(?)) RETURNING seq, topic, payload, retain, clear"""
# Only these may get another content under the same number later, unless `attempts` says that they were sent.
_ANY_CHANGEABLE = """SELECT 1 FROM messages WHERE seq IN (SELECT value FROM json_each(?))
    AND (coalesce = 1 OR loss IS NOT NULL) LIMIT 1"""
_RETAINED_OF = """SELECT seq FROM messages WHERE retain = 1 AND seq IN (SELECT value FROM json_each(?))"""
_FORGET = """DELETE FROM messages WHERE seq IN (SELECT value FROM json_each(?))"""
# Status and birth (class 0) are said anew in each session: only the others are kept.
_KEEP_RETAINED = """INSERT OR REPLACE INTO retained (topic, seq, priority, payload, size, created_ns)
    SELECT topic, seq, priority, payload, size, created_ns FROM messages
    WHERE seq = ? AND retain = 1 AND clear = 0 AND priority > 0"""
_FORGET_CLEARED = """DELETE FROM retained WHERE topic =
    (SELECT topic FROM messages WHERE seq = ? AND clear = 1)"""
_RESURRECT = """INSERT OR IGNORE INTO messages
    (seq, topic, priority, payload, size, retain, clear, coalesce, replaces, created_ns, attempts)
    SELECT seq, topic, priority, payload, size, 1, 0, 1, '[]', created_ns, 1 FROM retained
    WHERE topic NOT IN (SELECT topic FROM messages)"""
_EVENTS_BELOW = """SELECT 1 FROM messages WHERE priority = ? AND in_hand = 0 AND seq < ?
    LIMIT 1 OFFSET ?"""
_QUARANTINE = """INSERT INTO quarantine (seq, topic, payload)
    SELECT seq, topic, payload FROM messages WHERE seq = ?"""
_TRIM_QUARANTINE = """DELETE FROM quarantine WHERE seq NOT IN
    (SELECT seq FROM quarantine ORDER BY seq DESC LIMIT ?)"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bytes that may wait, in all and per class. What is too much goes: lowest class first, oldest first.

    Eight channels tell 92 MiB of events in a week without a broker (tests/bench/outbox_week.py): all fit.
    """

    total_bytes: int = 192 * MIB
    class_bytes: Mapping[Priority, int] = field(
        default_factory=lambda: MappingProxyType(
            {
                Priority.CRITICAL: 16 * MIB,
                Priority.ALARM: 16 * MIB,
                Priority.EVENT: 144 * MIB,
                Priority.STATE: 8 * MIB,
                Priority.MEASUREMENT: 32 * MIB,
            }
        )
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A claimed message. `id` is its `seq`; with `clear` the payload is the envelope of an empty message."""

    id: int
    topic: str
    payload: bytes
    retain: bool
    clear: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Depth:
    """What waits. `oldest_age_s` is None when nothing waits."""

    rows: Mapping[Priority, int]
    bytes: int
    oldest_age_s: float | None
    quarantined: int

    @property
    def total_rows(self) -> int:
        return sum(self.rows.values())


class Outbox:
    """See the module's text. Made by `open`, ended by `close`."""

    def __init__(self, db: sqlite3.Connection, box: str, boot: str, limits: Limits) -> None:
        self._db = db
        self._box = box
        self._boot = boot
        self._limits = limits
        self._lock = RLock()
        # Every number up to here is on the disk for certain; what this connection can't know, it does anew.
        self._durable_seq = 0

    @classmethod
    def open(cls, path: Path, box: str, boot: str, limits: Limits | None = None) -> Outbox:
        """Open or create the file (mode 0600). Rows that were claimed stay claimed: see `release_all`."""
        return cls(open_database(path), box, boot, limits or Limits())

    def close(self) -> None:
        """May be called more than once."""
        with self._lock:
            self._db.close()

    def put(self, message: Outgoing, now: Instant) -> int:
        """Store `message` and give its `seq`. Durable on return up to and including `Priority.EVENT`.

        With `coalesce`, an unsent message of the same topic is replaced: one that never was claimed hands
        on its `seq`; one that may have been sent is named in the new message's `replaces`.
        """
        name = mqtt_v1.topic(self._box, message)
        with self._lock, self._write(full=message.priority <= Priority.EVENT) as db:
            seq = self._store(db, message, name, now)
            too_much = bool(self._excess(db))
        if too_much:
            # The message is stored: a disk that is busy now must not make the caller store it twice.
            with suppress(Retry):
                self._make_room(now)
        return seq

    def next_session(self) -> int:
        """The number of a new session: one higher than ever before, durable on return."""
        with self._lock, self._write(full=True) as db:
            return _count(db, "session")

    def last_seq(self) -> int:
        """The highest `seq` given out, 0 when none was."""
        with self._lock, translated():
            return int(self._db.execute("SELECT value FROM meta WHERE key = 'seq'").fetchone()[0])

    def claim(
        self,
        limit: int,
        *,
        live_from: int = 0,
        backlog_limit: int | None = None,
        worst: Priority = Priority.MEASUREMENT,
    ) -> list[Row]:
        """Take up to `limit` messages into the client's hands, most important class first, then by `seq`.

        Events and measurements below `live_from` are the backlog, of which at most `backlog_limit` are
        taken. Measurements from `live_from` on go before older ones; events keep their order always.
        """
        quota = limit if backlog_limit is None else min(limit, backlog_limit)
        with self._lock:
            with translated():
                picked = self._pick(limit, live_from, quota, worst)
            if not picked:
                return []
            taken = self._take(picked)
        return [
            Row(id=row[0], topic=row[1], payload=row[2], retain=bool(row[3]), clear=bool(row[4]))
            for row in taken
        ]

    def done(self, *ids: int) -> None:
        """The broker has them: forget them. The last retained message of a topic is kept for `resurrect`."""
        numbers = json.dumps(ids)
        with self._lock, self._write(full=False) as db:
            retained = {int(row[0]) for row in db.execute(_RETAINED_OF, (numbers,)).fetchall()}
            for seq in (each for each in ids if each in retained):  # a message and its clear: in their order
                db.execute(_KEEP_RETAINED, (seq,))
                db.execute(_FORGET_CLEARED, (seq,))
            db.execute(_FORGET, (numbers,))

    def release(self, id_: int) -> None:
        """Put one claimed message back (the broker asked to try later)."""
        with self._lock, self._write(full=False) as db:
            db.execute("UPDATE messages SET in_hand = 0 WHERE seq = ?", (id_,))

    def release_all(self) -> None:
        """Put all claimed messages back: the connection that had them is gone."""
        with self._lock, self._write(full=False) as db:
            db.execute("UPDATE messages SET in_hand = 0 WHERE in_hand = 1")

    def resurrect(self) -> None:
        """Queue the last retained message of each topic again, with its old `seq`: the broker forgot us."""
        with self._lock, self._write(full=False) as db:
            db.execute(_RESURRECT)

    def refuse(self, id_: int, now: Instant) -> bool:
        """The broker refused it. The second time it goes into quarantine: True, and a `data_loss` says so."""
        with self._lock, self._write(full=True) as db:
            db.execute("UPDATE messages SET in_hand = 0, refusals = refusals + 1 WHERE seq = ?", (id_,))
            row = db.execute(
                "SELECT priority, replaces, loss FROM messages WHERE seq = ? AND refusals >= ?",
                (id_, REFUSALS_BEFORE_QUARANTINE),
            ).fetchone()
            if row is None:
                return False
            db.execute(_QUARANTINE, (id_,))
            db.execute(_TRIM_QUARANTINE, (MAX_QUARANTINE,))
            db.execute("DELETE FROM messages WHERE seq = ?", (id_,))
            if row[2] is None:  # a refused data_loss makes no other one, or they would never end
                lost = [(id_, Priority(row[0]), tuple(json.loads(row[1])))]
                self._tell_loss(db, "refused", lost, now)
            return True

    def depth(self, now: Instant) -> Depth:
        """What waits at this moment."""
        with self._lock, translated():
            sums = self._db.execute("SELECT priority, row_count, bytes FROM sums").fetchall()
            oldest = self._db.execute("SELECT created_ns FROM messages ORDER BY seq LIMIT 1").fetchone()
            quarantined = self._db.execute("SELECT count(*) FROM quarantine").fetchone()[0]
        age = None if oldest is None else max(0, now.wall_ns - int(oldest[0])) / NS_PER_S
        return Depth(
            rows={Priority(each[0]): int(each[1]) for each in sums},
            bytes=sum(int(each[2]) for each in sums),
            oldest_age_s=age,
            quarantined=int(quarantined),
        )

    def _write(self, *, full: bool) -> Transaction:
        return Transaction(self._db, full=full)

    def _store(self, db: sqlite3.Connection, message: Outgoing, name: str, now: Instant) -> int:
        seq, replaces = self._predecessor(db, name) if message.coalesce else (None, ())
        if seq is None:
            seq = _count(db, "seq")
        envelope = mqtt_v1.Envelope(
            box=self._box, boot=self._boot, session=_session(db), seq=seq, at=now, replaces=replaces
        )
        payload = mqtt_v1.encode(message, envelope)
        db.execute(
            _INSERT,
            (
                seq,
                name,
                int(message.priority),
                payload,
                len(payload),
                message.retain,
                message.body is None,
                message.coalesce,
                json.dumps(replaces),
                now.wall_ns,
            ),
        )
        return seq

    def _predecessor(self, db: sqlite3.Connection, name: str) -> tuple[int | None, tuple[int, ...]]:
        """Take the newest unsent message of this topic away; give the `seq` to use again and `replaces`."""
        row = db.execute(
            "SELECT seq, coalesce, in_hand, attempts, replaces FROM messages WHERE topic = ? "
            "ORDER BY seq DESC LIMIT 1",
            (name,),
        ).fetchone()
        if row is None or not row[1] or row[2]:
            return None, ()
        seq, attempts, replaces = int(row[0]), int(row[3]), tuple(map(int, json.loads(row[4])))
        if attempts and len(replaces) >= MAX_REPLACES:
            return None, ()
        db.execute("DELETE FROM messages WHERE seq = ?", (seq,))
        return (None, (*replaces, seq)) if attempts else (seq, replaces)

    def _take(self, picked: list[int]) -> list[tuple[int, str, bytes, int, int]]:
        """Mark them as in the client's hands, durably where the box could contradict itself otherwise.

        An fsync is needed when a number is not known to be on the disk, and when the row might be replaced
        under its number, were it forgotten that it was sent. A backlog of events and measurements is
        neither: without this difference each window of 16 costs an fsync.
        """
        if max(picked) <= self._durable_seq:
            with self._write(full=False) as db:
                # Between choosing and taking, the keeper may have replaced a row: take what is there now.
                if db.execute(_ANY_CHANGEABLE, (json.dumps(picked),)).fetchone() is None:
                    return _taken(db, picked)
        with self._write(full=True) as db:
            taken = _taken(db, picked)
            last = int(db.execute("SELECT value FROM meta WHERE key = 'seq'").fetchone()[0])
        self._durable_seq = last  # the commit took everything before it to the disk, whoever wrote it
        return taken

    def _pick(self, limit: int, live_from: int, quota: int, worst: Priority) -> list[int]:
        picked: list[int] = []

        def take(priority: Priority, low: int, high: int, most: int) -> int:
            before = len(picked)
            picked.extend(
                int(row[0])
                for row in self._db.execute(
                    "SELECT seq FROM messages WHERE priority = ? AND in_hand = 0 AND seq >= ? AND seq < ? "
                    "ORDER BY seq LIMIT ?",
                    (int(priority), low, high, min(most, limit - before)),
                )
            )
            return len(picked) - before

        top = (1 << 63) - 1
        for priority in Priority:
            if priority > worst or len(picked) >= limit:
                break
            if priority is Priority.EVENT:
                wanted = min(quota, limit - len(picked))
                taken = take(priority, 0, live_from, wanted)
                quota -= taken
                # Newer events wait as long as an older one does.
                older = self._db.execute(_EVENTS_BELOW, (int(priority), live_from, taken)).fetchone()
                if older is None:
                    take(priority, live_from, top, limit)
            elif priority is Priority.MEASUREMENT:
                take(priority, live_from, top, limit)
                take(priority, 0, live_from, quota)
            else:
                take(priority, 0, top, limit)
        return picked

    def _excess(self, db: sqlite3.Connection) -> list[tuple[Priority, int]]:
        """Per class, how many bytes must go: first its own excess, then the total's from the lowest up."""
        held = {Priority(row[0]): int(row[1]) for row in db.execute("SELECT priority, bytes FROM sums")}
        over = {each: max(0, held[each] - self._limits.class_bytes[each]) for each in Priority}
        left = sum(held.values()) - sum(over.values()) - self._limits.total_bytes
        for each in reversed(Priority):
            more = max(0, min(left, held[each] - over[each]))
            over[each] += more
            left -= more
        return [(each, over[each]) for each in reversed(Priority) if over[each]]

    def _make_room(self, now: Instant) -> None:
        with self._lock, self._write(full=True) as db:
            lost: list[outbox_loss.Lost] = []
            for priority, excess in self._excess(db):
                # A sixteenth more than needed, so that the next messages don't overflow one by one.
                goal = excess + self._limits.class_bytes[priority] // 16
                lost += outbox_loss.drop_oldest(db, priority, goal)
            if lost:
                self._tell_loss(db, "overflow", lost, now)

    def _tell_loss(
        self, db: sqlite3.Connection, cause: str, lost: Iterable[outbox_loss.Lost], now: Instant
    ) -> None:
        for message, old_seq in outbox_loss.messages(db, cause, lost):
            name = mqtt_v1.topic(self._box, message)
            seq = old_seq if old_seq is not None else _count(db, "seq")
            envelope = mqtt_v1.Envelope(box=self._box, boot=self._boot, session=_session(db), seq=seq, at=now)
            payload = mqtt_v1.encode(message, envelope)
            db.execute("DELETE FROM messages WHERE seq = ?", (seq,))
            db.execute(
                _INSERT,
                (
                    seq,
                    name,
                    int(message.priority),
                    payload,
                    len(payload),
                    False,
                    False,
                    False,
                    "[]",
                    now.wall_ns,
                ),
            )
            db.execute("UPDATE messages SET loss = ? WHERE seq = ?", (cause, seq))


def _taken(db: sqlite3.Connection, picked: list[int]) -> list[tuple[int, str, bytes, int, int]]:
    """Those of `picked` that are still there, in that order, now marked as in hand."""
    rows = db.execute(_TAKE, (json.dumps(picked),)).fetchall()
    return sorted(rows, key=lambda row: picked.index(row[0]))


def _count(db: sqlite3.Connection, key: str) -> int:
    row = db.execute("UPDATE meta SET value = value + 1 WHERE key = ? RETURNING value", (key,)).fetchone()
    return int(row[0])


def _session(db: sqlite3.Connection) -> int:
    return int(db.execute("SELECT value FROM meta WHERE key = 'session'").fetchone()[0])
