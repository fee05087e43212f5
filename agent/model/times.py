"""Instants and durations.

Guarantees: wall times are UTC nanoseconds since 1970, monotonic times are nanoseconds of
CLOCK_BOOTTIME-like clocks that never step; the two are never mixed. Local time does not exist here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

NS_PER_S = 1_000_000_000
_STAMP = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z")


class ClockQuality(StrEnum):
    """What is known of the wall clock at an instant."""

    SYNCED = "synced"
    UNSYNCED = "unsynced"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Instant:
    """One moment on both clocks, in nanoseconds, with the wall clock's quality."""

    wall_ns: int
    mono_ns: int
    quality: ClockQuality


def rfc3339(wall_ns: int) -> str:
    """`wall_ns` as RFC 3339 UTC with exactly six decimals: `2026-11-24T00:20:00.000000Z`."""
    seconds, rest = divmod(wall_ns, NS_PER_S)
    stamp = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{stamp}.{rest // 1000:06d}Z"


def from_rfc3339(text: str) -> int:
    """The nanoseconds of what `rfc3339` wrote; ValueError for any other spelling."""
    if not _STAMP.fullmatch(text):
        raise ValueError("not a time as rfc3339() writes it")
    stamp = datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
    whole = stamp.replace(microsecond=0)
    return round(whole.timestamp()) * NS_PER_S + stamp.microsecond * 1000
