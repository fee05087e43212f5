"""Questions to the database, one function each; they run in the reader's thread.

Guarantees: every answer is bounded; a cursor that is none is `Refuse` `request.bad-cursor`. Leaves out who
may ask.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any

from agent.console.alarms import Alarm
from agent.console.audit import broken_at
from agent.console.minutes import COLUMNS, HOUR, MINUTE
from agent.model.errors import Refuse
from agent.model.outgoing import Json
from agent.model.times import NS_PER_S, rfc3339

_AUDIT = "id, at, account, terminal, action, object, box, result, code, detail, hash"


def open_alarms(db: sqlite3.Connection) -> list[Alarm]:
    """The alarms that nobody closed."""
    return [_alarm(row) for row in db.execute("SELECT * FROM alarms WHERE state <> 'closed' ORDER BY id")]


def alarms(
    db: sqlite3.Connection, state: str, box: str | None, limit: int, before: str | None
) -> list[Alarm]:
    """Alarms, newest first."""
    where, values = ["1"], []
    if state != "all":
        where.append("state = 'closed'" if state == "closed" else "state <> 'closed'")
    if box is not None:
        where.append("box = ?")
        values.append(box)
    return [_alarm(row) for row in _page(db, "alarms", "id", where, values, limit, before)]


def alarm(db: sqlite3.Connection, alarm_id: str) -> tuple[Alarm | None, list[dict[str, Json]]]:
    """One alarm with its steps."""
    row = db.execute("SELECT * FROM alarms WHERE id = ?", (alarm_id,)).fetchone()
    sql = "SELECT at, step, by, reason FROM alarm_steps WHERE alarm = ? ORDER BY n LIMIT 500"
    return None if row is None else _alarm(row), [dict(one) for one in db.execute(sql, (alarm_id,))]


def events(
    db: sqlite3.Connection, box: str, kind: str | None, limit: int, before: int | None
) -> list[dict[str, Json]]:
    """Events of one box, newest first."""
    where, values = ["box = ?"], [box]
    if kind is not None:
        where.append("type = ?")
        values.append(kind)
    rows = _page(db, "events", "id", where, values, limit, before)
    return [{**dict(row), "body": json.loads(row["body"])} for row in rows]


def recordings(
    db: sqlite3.Connection, box: str | None, channel: str | None, limit: int, before: int | None
) -> list[dict[str, Json]]:
    """Recordings, newest first, each with its cursor as `id`."""
    where, values = ["1"], []
    for name, value in (("box", box), ("channel", channel)):
        if value is not None:
            where.append(f"{name} = ?")
            values.append(value)
    rows = _page(db, "recordings", "id", where, values, limit, before)
    return [
        {
            **json.loads(row["body"]), "id": row["id"], "recording": row["recording"], "box": row["box"],
            "channel": row["channel"], "opened": row["opened"], "closed": row["closed"],
        }
        for row in rows
    ]  # fmt: skip


def checks(db: sqlite3.Connection, box: str, limit: int, before: int | None) -> list[dict[str, Json]]:
    """Reports of one box, newest first."""
    rows = _page(db, "checks", "id", ["box = ?"], [box], limit, before)
    return [_check(row) for row in rows]


def check(db: sqlite3.Connection, run: str, box: str | None) -> dict[str, Json] | None:
    """One report with its note. `run` is the id of a command, but a hostile box may use another's."""
    sql = "SELECT * FROM checks WHERE run = ? AND box = COALESCE(?, box) ORDER BY id LIMIT 1"
    row = db.execute(sql, (run, box)).fetchone()
    return None if row is None else _check(row)


def commands(
    db: sqlite3.Connection, box: str | None, state: str, limit: int, before: str | None
) -> list[dict[str, Json]]:
    """Commands as they were written, newest first."""
    where, values = ["1"], []
    if state != "all":
        where.append(f"done = {int(state == 'done')}")
    if box is not None:
        where.append("box = ?")
        values.append(box)
    return [json.loads(row["body"]) for row in _page(db, "commands", "cmd_id", where, values, limit, before)]


def open_commands(db: sqlite3.Connection) -> list[dict[str, Any]]:
    """Every command without a last answer, as it was written."""
    found = db.execute("SELECT body FROM commands WHERE done = 0 ORDER BY cmd_id")
    return [json.loads(row["body"]) for row in found]


def command(db: sqlite3.Connection, cmd_id: str) -> tuple[dict[str, Json] | None, list[dict[str, Json]]]:
    """One command with its steps."""
    row = db.execute("SELECT body FROM commands WHERE cmd_id = ?", (cmd_id,)).fetchone()
    sql = "SELECT at, step, by, detail FROM command_steps WHERE cmd_id = ? ORDER BY n LIMIT 500"
    return None if row is None else json.loads(row["body"]), [dict(one) for one in db.execute(sql, (cmd_id,))]


def counters(db: sqlite3.Connection) -> dict[tuple[str, str], int]:
    """The highest counter by key and box."""
    return {(row["key"], row["box"]): row["counter"] for row in db.execute("SELECT * FROM counters")}


def accounts(db: sqlite3.Connection) -> dict[str, dict[str, Any]]:
    """Every account's row."""
    return {row["account"]: json.loads(row["body"]) for row in db.execute("SELECT * FROM accounts")}


def boxes(db: sqlite3.Connection) -> dict[str, int | None]:
    """When each box was heard last."""
    return {row["box"]: row["heard"] for row in db.execute("SELECT * FROM boxes")}


def audit_records(
    db: sqlite3.Connection, filters: dict[str, str], limit: int, before: int | None
) -> list[dict[str, Json]]:
    """The audit record, newest first."""
    where = [f"{name} = ?" for name in filters] or ["1"]
    rows = _page(db, "audit", "id", where, list(filters.values()), limit, before)
    return [dict(row) for row in rows]


def audit_chain(db: sqlite3.Connection) -> dict[str, Json]:
    """Every hash counted anew."""

    def rows() -> Iterator[tuple[int, tuple[str | None, ...], str]]:
        for row in db.execute(f"SELECT {_AUDIT} FROM audit ORDER BY id"):  # noqa: S608 - literal names
            yield row[0], tuple(row[1:-1]), row[-1]

    count, head, wrong = broken_at(rows())
    return {"ok": wrong is None, "records": count, "head": head, "broken_at": wrong}


def series(
    db: sqlite3.Connection, box: str, entity: str, from_ns: int, to_ns: int, points: int
) -> dict[str, Json]:
    """Columns over time, in steps that make at most about `points` of them; holes are None."""
    seconds = max(MINUTE, (to_ns - from_ns) // NS_PER_S)
    width = MINUTE if seconds <= points * HOUR else HOUR
    step_s = max(width, -(-seconds // points // width) * width)
    first = from_ns // NS_PER_S // step_s * step_s
    sums = ", ".join(f"{_over(name)}({name}) AS {name}" for name in COLUMNS)
    sql = (
        f"SELECT start / ? * ? AS at, {sums} FROM metrics "  # noqa: S608 - literal names
        "WHERE box = ? AND entity = ? AND width = ? AND start >= ? AND start < ? GROUP BY at ORDER BY at"
    )
    values = (step_s, step_s, box, entity, width, first, to_ns // NS_PER_S + 1)
    found = {row["at"]: row for row in db.execute(sql, values)}
    starts = range(first, to_ns // NS_PER_S + 1, step_s)
    columns = _BOX_COLUMNS if entity == "_" else _CHANNEL_COLUMNS
    return {
        "entity": entity,
        "step_s": step_s,
        "start": [rfc3339(at * NS_PER_S) for at in starts],
        "columns": {
            name: [_value(found.get(at), column, below) for at in starts]
            for name, (column, below) in columns.items()
        },
    }


_CHANNEL_COLUMNS = {
    "rate_min": ("rate_min", None), "rate_mean": ("rate_sum", "n_rate"), "bitrate_mean": ("bitrate_sum", "n"),
    "lost_max": ("lost_max", None), "jitter_p99_ms_max": ("jitter_max", None),
    "durable_age_ms_max": ("age_max", None),
}  # fmt: skip
_BOX_COLUMNS = {
    "cpu_mean": ("cpu_sum", "n_rate"), "rss_bytes_max": ("rss_max", None),
    "free_bytes_min": ("free_min", None), "outbox_rows_max": ("outbox_max", None),
}  # fmt: skip


def _value(row: sqlite3.Row | None, column: str, below: str | None) -> Json:
    if row is None or row[column] is None:
        return None
    if below is None:
        return float(row[column])
    return round(row[column] / row[below], 3) if row[below] else None


def _over(column: str) -> str:
    return "MIN" if column.endswith("_min") else "MAX" if column.endswith("_max") else "SUM"


def _page(
    db: sqlite3.Connection,
    table: str,
    key: str,
    where: Sequence[str],
    values: Sequence[Any],
    limit: int,
    before: str | int | None,
) -> list[sqlite3.Row]:
    words = [*where, f"{key} < ?"] if before is not None else [*where]
    asked = [*values, before] if before is not None else [*values]
    sql = f"SELECT * FROM {table} WHERE {' AND '.join(words)} ORDER BY {key} DESC LIMIT ?"  # noqa: S608 - literal names
    return db.execute(sql, (*asked, limit)).fetchall()


def _alarm(row: sqlite3.Row) -> Alarm:
    return Alarm(**{**dict(row), "active": bool(row["active"])})


def _check(row: sqlite3.Row) -> dict[str, Json]:
    return {**json.loads(row["body"]), "id": row["id"], "box": row["box"], "at": row["at"]}


def number(text: str | None) -> int | None:
    """A cursor that is a number."""
    if text is None:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise Refuse("request.bad-cursor", "this is no cursor of this list", "begin at the newest one")
    return int(text)
