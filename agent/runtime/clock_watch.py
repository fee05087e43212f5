"""Notices that the wall clock was stepped. Pure.

Guarantees: a change of the wall clock against the monotonic one by more than `LIMIT_NS` between two looks
is a step; slower corrections (NTP slewing) are none. The caller looks about once a second.
"""

from __future__ import annotations

from agent.model.times import NS_PER_S, Instant

LIMIT_NS = NS_PER_S // 2
# The alarm stands this long after the last step, so that a person who looks once an hour may still see it.
ALARM_NS = 3600 * NS_PER_S


class ClockWatch:
    """Keeps the offset of the last look."""

    def __init__(self) -> None:
        self._offset_ns: int | None = None
        self._stepped_mono_ns: int | None = None

    def look(self, now: Instant) -> int | None:
        """By how many nanoseconds the wall clock was stepped since the last look, None when it was not."""
        offset_ns = now.wall_ns - now.mono_ns
        before_ns, self._offset_ns = self._offset_ns, offset_ns
        if before_ns is None or abs(offset_ns - before_ns) <= LIMIT_NS:
            return None
        self._stepped_mono_ns = now.mono_ns
        return offset_ns - before_ns

    def calm(self, now: Instant) -> bool:
        """True once, when the last step is long enough ago."""
        if self._stepped_mono_ns is None or now.mono_ns - self._stepped_mono_ns < ALARM_NS:
            return False
        self._stepped_mono_ns = None
        return True
