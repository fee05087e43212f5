"""The live table as text. Pure.

Guarantees: unknown is shown as `-`, never as 0; what the box tells over MQTT comes first, what only its
status file has (the age of the last durable frame, measurements of the first segment) fills up the rest.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from agent.demo.watcher import Seen

_HEAD = ("channel", "signal", "size", "rate", "verdict", "segments", "bytes", "durable", "alarms")
_UNITS = ("B", "kB", "MB", "GB", "TB")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One channel, ready to print."""

    channel: str
    signal: str
    size: str
    rate: str
    verdict: str
    segments: str
    size_bytes: str
    durable: str
    alarms: str

    def cells(self) -> tuple[str, ...]:
        """In the order of the head."""
        return (
            self.channel,
            self.signal,
            self.size,
            self.rate,
            self.verdict,
            self.segments,
            self.size_bytes,
            self.durable,
            self.alarms,
        )


def rows(seen: Seen, status: Mapping[str, Any] | None, older_s: float) -> list[Row]:
    """One row per channel. `older_s` is how old the status is."""
    local = {str(row["id"]): row for row in (status or {}).get("channels", [])}
    names = sorted({*local, *seen.channels})
    return [_row(name, seen, local.get(name, {}), older_s) for name in names]


def _row(name: str, seen: Seen, local: Mapping[str, Any], older_s: float) -> Row:
    told = seen.channels.get(name, {})

    def first(key: str, local_key: str | None = None) -> Any:
        value = told.get(key)
        return local.get(local_key or key) if value is None else value

    width, height, rate = first("width"), first("height"), _rate(told, local)
    age_s = local.get("last_durable_age_s")
    alarms = sum(1 for entity, _ in seen.alarms if entity in (name, "_"))
    return Row(
        channel=name,
        signal=str(first("signal") or "-"),
        size="-" if width is None or height is None else f"{width}x{height}",
        rate="-" if rate is None else f"{float(rate):.2f} Hz",
        verdict=str(first("verdict") or "-"),
        segments=_text(first("segments")),
        size_bytes=readable_bytes(first("bytes", "size_bytes")),
        durable="-" if age_s is None else f"{max(0.0, age_s + older_s):.1f} s ago",
        alarms=str(alarms) if alarms else "none",
    )


def _rate(told: Mapping[str, Any], local: Mapping[str, Any]) -> Fraction | None:
    """The measured rate: as MQTT tells it, else as the status file spells it."""
    if told.get("rate_num") is not None:
        return Fraction(told["rate_num"], told["rate_den"])
    text = local.get("rate")
    return None if text is None else Fraction(str(text)) or None


def _text(value: object) -> str:
    return "-" if value is None else str(value)


def readable_bytes(count: int | None) -> str:
    """`1.2 MB`, in powers of ten."""
    if count is None:
        return "-"
    value, unit = float(count), 0
    while value >= 1000 and unit < len(_UNITS) - 1:
        value, unit = value / 1000, unit + 1
    return f"{count} B" if unit == 0 else f"{value:.1f} {_UNITS[unit]}"


def render(heading: str, body: Sequence[Row], alarms: Iterable[Mapping[str, Any]]) -> list[str]:
    """The lines of the whole picture: heading, table, one line per alarm."""
    cells = [_HEAD, *(row.cells() for row in body)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(_HEAD))]
    lines = [heading]
    lines += [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in cells
    ]
    lines += [f"ALARM {a.get('entity')} {a.get('code')}: {a.get('text')} - {a.get('remedy')}" for a in alarms]
    return lines


def heading(elapsed_s: float | None, seconds: float | None, seen: Seen) -> str:
    """The line above the table."""
    limit = "until Ctrl-C" if seconds is None else f"of {seconds:g} s"
    time = "starting" if elapsed_s is None else f"recording {elapsed_s:.1f} s {limit}"
    status = seen.statuses[-1][0] if seen.statuses else "-"
    return f"edgeward demo: {time}; MQTT: {status}, {seen.messages} messages, {seen.events} events"


def one_line(body: Sequence[Row], seen: Seen) -> str:
    """The same without a terminal: one line."""
    parts = [
        f"{row.channel}: {row.signal} {row.size} {row.rate} {row.verdict}, {row.segments} segments, "
        f"{row.size_bytes}, last durable {row.durable}, alarms {row.alarms}"
        for row in body
    ]
    return "; ".join([*parts, f"{seen.messages} messages, {seen.events} events"])


def redraw(lines: Sequence[str], previous: int, columns: int) -> str:
    """What to write to a terminal to put `lines` where `previous` lines stood."""
    up = f"\x1b[{previous}F" if previous else ""
    return up + "\x1b[J" + "".join(line[: max(1, columns - 1)] + "\n" for line in lines)
