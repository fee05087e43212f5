"""Statements that write the console's records. Pure: SQL and values, nothing runs here.

Guarantees: the same fact written twice is one row; nothing here changes or deletes a row of the audit
record. `pruned` keeps the tables bounded by age and by number of rows.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from agent.console.alarms import Alarm, Step
from agent.console.effects import CheckCame, EventCame
from agent.console.writer import Statement
from agent.model.ids import new_uuid7
from agent.model.outgoing import Json
from agent.model.times import NS_PER_S, rfc3339

_DAY_S = 86_400


def alarm(found: Alarm) -> Statement:
    """An alarm as it is now."""
    values = (
        found.id, found.box, found.entity, found.slug, found.code, found.severity, found.text, found.remedy,
        found.source, found.since, found.raised, int(found.active), found.cleared, found.count, found.state,
        found.by, found.reason, found.at,
    )  # fmt: skip
    return Statement(f"INSERT OR REPLACE INTO alarms VALUES ({_marks(len(values))})", values)  # noqa: S608 - marks only


def step(found: Step) -> Statement:
    """A step of an alarm."""
    sql = "INSERT INTO alarm_steps (alarm, at, step, by, reason) VALUES (?, ?, ?, ?, ?)"
    return Statement(sql, (found.alarm, found.at, found.step, found.by, found.reason))


def event(found: EventCame) -> Statement:
    """An event; a second delivery is no second row."""
    sql = "INSERT OR IGNORE INTO events (box, entity, type, at, seq, body) VALUES (?, ?, ?, ?, ?, ?)"
    return Statement(sql, (found.box, found.entity, found.type, found.at, found.seq, compact(found.body)))


def recording(box: str, recording_id: str, channel: str, body: Mapping[str, Json]) -> Statement:
    """What is known of a recording: later facts are added to earlier ones."""
    sql = (
        "INSERT INTO recordings (recording, box, channel, opened, closed, body) VALUES (?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (box, recording) DO UPDATE SET opened = COALESCE(excluded.opened, recordings.opened), "
        "closed = COALESCE(excluded.closed, recordings.closed), "
        "body = json_patch(recordings.body, excluded.body)"
    )
    opened, closed = body.get("opened"), body.get("closed")
    return Statement(sql, (recording_id, box, channel, opened, closed, compact(body)))


def check(found: CheckCame) -> Statement:
    """A report; it comes twice (`last` and `{run}`) and is one row."""
    sql = "INSERT OR IGNORE INTO checks (run, box, at, body) VALUES (?, ?, ?, ?)"
    return Statement(sql, (found.body["run"], found.box, found.at, compact(found.body)))


def command(cmd_id: str, box: str, body: Mapping[str, Json], *, done: bool) -> Statement:
    """A command as it stands."""
    sql = "INSERT OR REPLACE INTO commands (cmd_id, box, done, body) VALUES (?, ?, ?, ?)"
    return Statement(sql, (cmd_id, box, int(done), compact(body)))


def command_step(cmd_id: str, at: str, name: str, by: str | None, detail: str | None) -> Statement:
    """What happened to a command."""
    sql = "INSERT INTO command_steps (cmd_id, at, step, by, detail) VALUES (?, ?, ?, ?, ?)"
    return Statement(sql, (cmd_id, at, name, by, detail))


def counter(key: str, box: str, value: int) -> Statement:
    """The highest counter of a key for a box."""
    sql = (
        "INSERT INTO counters VALUES (?, ?, ?) ON CONFLICT (key, box) "
        "DO UPDATE SET counter = MAX(counters.counter, excluded.counter)"
    )
    return Statement(sql, (key, box, value))


def account(name: str, body: Mapping[str, Json]) -> Statement:
    """An account."""
    return Statement("INSERT OR REPLACE INTO accounts VALUES (?, ?)", (name, compact(body)))


def box(name: str, heard_wall_ns: int | None) -> Statement:
    """A box that there is, and when it was heard."""
    return Statement("INSERT OR REPLACE INTO boxes VALUES (?, ?)", (name, heard_wall_ns))


def forget_box(name: str) -> Statement:
    """A box that is no more. Its history stays."""
    return Statement("DELETE FROM boxes WHERE box = ?", (name,))


def pruned(*, days: int, rows: int, wall_ns: int) -> list[Statement]:
    """What bounds the tables: `days` of history, and `rows` of measurements."""
    old_s = wall_ns // NS_PER_S - days * _DAY_S
    before_stamp = rfc3339(old_s * NS_PER_S)
    before_id = new_uuid7(old_s * NS_PER_S, bytes(10))
    found = [
        Statement("DELETE FROM metrics WHERE width = 60 AND start < ?", (old_s,)),
        Statement("DELETE FROM metrics WHERE width = 3600 AND start < ?", (old_s - 400 * _DAY_S,)),
        Statement(
            "DELETE FROM metrics WHERE rowid <= (SELECT MAX(rowid) FROM metrics) - ?", (rows,)
        ),
        Statement(
            "DELETE FROM alarm_steps WHERE alarm IN "
            "(SELECT id FROM alarms WHERE state = 'closed' AND at < ?)", (before_stamp,),
        ),
        Statement("DELETE FROM alarms WHERE state = 'closed' AND at < ?", (before_stamp,)),
        Statement("DELETE FROM events WHERE at < ?", (before_stamp,)),
        Statement(
            "DELETE FROM command_steps WHERE cmd_id IN "
            "(SELECT cmd_id FROM commands WHERE done = 1 AND cmd_id < ?)", (before_id,),
        ),
        Statement("DELETE FROM commands WHERE done = 1 AND cmd_id < ?", (before_id,)),
    ]  # fmt: skip
    found += (
        Statement(f"DELETE FROM {table} WHERE id <= (SELECT MAX(id) FROM {table}) - ?", (rows // 4,))  # noqa: S608 - literal names
        for table in ("events", "recordings", "checks")
    )
    return found


def compact(value: Mapping[str, Any]) -> str:
    """JSON as it is stored."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _marks(count: int) -> str:
    return ", ".join("?" * count)
