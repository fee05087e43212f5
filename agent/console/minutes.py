"""Measurements gathered into minutes and hours for the charts. Pure.

Guarantees: the memory is bounded by the entities times two open buckets; what comes late is merged by the
database (the statement adds up); a moment that no clock can mean is counted at its arrival. Times are
arguments.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from agent.console.boxes import rate_of
from agent.console.effects import Measured
from agent.console.writer import Statement
from agent.model.times import NS_PER_S

MINUTE, HOUR = 60, 3600
_EARLIEST_S = 31 * 86_400
_LATEST_S = 300
_LEAST = ("rate_min", "free_min")
_COUNTS = ("n", "n_rate")
_SUMS = ("n", "n_rate", "rate_sum", "bitrate_sum", "cpu_sum")
_MOST = ("lost_max", "jitter_max", "age_max", "rss_max", "outbox_max")
COLUMNS = (*_SUMS, *_LEAST, *_MOST)


def _merged(column: str) -> str:
    both = f"metrics.{column}, excluded.{column}"
    if column in _SUMS:
        return f"{column} = COALESCE(metrics.{column} + excluded.{column}, {both})"
    function = "MIN" if column in _LEAST else "MAX"
    return f"{column} = COALESCE({function}({both}), {both})"


_INSERT = (
    f"INSERT INTO metrics (box, entity, width, start, {', '.join(COLUMNS)}) "  # noqa: S608 - literal names
    f"VALUES ({', '.join('?' * (4 + len(COLUMNS)))}) ON CONFLICT (box, entity, width, start) "
    f"DO UPDATE SET {', '.join(map(_merged, COLUMNS))}"
)


@dataclass(slots=True)
class Minutes:
    """Open buckets by box, entity, width and start (seconds since 1970)."""

    _open: dict[tuple[str, str, int, int], dict[str, float]] = field(default_factory=dict)
    # Of the last box measurement: boot, monotonic ms, processor seconds.
    _cpu: dict[str, tuple[str, int, float]] = field(default_factory=dict)

    def take(self, seen: Measured, wall_ns: int) -> None:
        """One measurement."""
        values = self._of_box(seen) if seen.entity == "_" else _of_channel(seen.body)
        at_s = _when(seen.at, wall_ns // NS_PER_S)
        for width in (MINUTE, HOUR):
            start = at_s // width * width
            bucket = self._open.setdefault((seen.box, seen.entity, width, start), {})
            _add(bucket, values)

    def due(self, wall_ns: int, *, all_: bool = False) -> list[Statement]:
        """Statements for the buckets that are over; they are forgotten here."""
        now_s = wall_ns // NS_PER_S
        over = [key for key in self._open if all_ or now_s >= key[3] + key[2] or key[3] > now_s + _LATEST_S]
        found = []
        for key in over:
            bucket = self._open.pop(key)
            found.append(Statement(_INSERT, (*key, *(bucket.get(name) for name in COLUMNS))))
        return found

    def forget(self, box: str) -> None:
        """A box that is no more."""
        self._cpu.pop(box, None)

    def _of_box(self, seen: Measured) -> dict[str, float | None]:
        body = seen.body
        before = self._cpu.get(seen.box)
        self._cpu[seen.box] = (seen.boot, seen.mono_ms, body["cpu_s"])
        share: float | None = None
        if before is not None and before[0] == seen.boot and 0 < seen.mono_ms - before[1] < 600_000:
            spent = body["cpu_s"] - before[2]
            share = spent * 1000 / (seen.mono_ms - before[1]) if spent >= 0 else None
        return {
            "n": 1, "n_rate": 0 if share is None else 1, "cpu_sum": share, "rss_max": body["rss_bytes"],
            "free_min": body["free_bytes"], "outbox_max": body["outbox_rows"],
        }  # fmt: skip


def _of_channel(body: Mapping[str, Any]) -> dict[str, float | None]:
    rate = rate_of(body)
    return {
        "n": 1, "n_rate": 0 if rate is None else 1, "rate_min": rate, "rate_sum": rate,
        "bitrate_sum": body["bitrate_bps"], "lost_max": body["lost"], "jitter_max": body["jitter_p99_ms"],
        "age_max": body["durable_age_ms"],
    }  # fmt: skip


def _add(bucket: dict[str, float], values: Mapping[str, float | None]) -> None:
    for name, value in values.items():
        if value is None:
            continue
        before = bucket.get(name)
        # SQLite's integers end at 64 bits, and a sum of large ones would pass that.
        value = value if name in _COUNTS else float(value)
        if before is None:
            bucket[name] = value
        elif name in _SUMS:
            bucket[name] = before + value
        else:
            bucket[name] = min(before, value) if name in _LEAST else max(before, value)


def _when(stamp: str, now_s: int) -> int:
    at = int(datetime.fromisoformat(stamp).timestamp())
    return at if now_s - _EARLIEST_S < at < now_s + _LATEST_S else now_s
