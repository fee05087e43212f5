"""The system's clocks, and the only place that reads them.

Guarantees: monotonic time is CLOCK_BOOTTIME, so it goes on through suspend; wall time comes with its
quality, asked of the kernel at most every ten seconds.
"""

from __future__ import annotations

import ctypes
import time

from agent.model.times import NS_PER_S, ClockQuality, Instant

_TIME_ERROR = 5  # adjtimex(2): the clock is not synchronised
_QUALITY_VALID_NS = 10 * NS_PER_S
_TIMEX_BYTES = 256  # struct timex is 208 bytes on 64-bit Linux; room for growth


class SystemClock:
    """Implements the clock port."""

    def __init__(self) -> None:
        self._quality = ClockQuality.UNKNOWN
        self._quality_until_ns = 0

    def now(self) -> Instant:
        mono_ns = self.mono_ns()
        if mono_ns >= self._quality_until_ns:
            self._quality = _kernel_quality()
            self._quality_until_ns = mono_ns + _QUALITY_VALID_NS
        return Instant(wall_ns=time.time_ns(), mono_ns=mono_ns, quality=self._quality)

    def mono_ns(self) -> int:
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


def _kernel_quality() -> ClockQuality:
    """Reads adjtimex(2) without setting anything: `modes` is zero."""
    libc = ctypes.CDLL(None, use_errno=True)
    state = libc.adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))
    if state < 0:
        return ClockQuality.UNKNOWN
    return ClockQuality.UNSYNCED if state == _TIME_ERROR else ClockQuality.SYNCED
