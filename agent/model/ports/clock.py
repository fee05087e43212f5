"""The clock port: the only way to know the time or to wait.

Guarantees: `now()` reads both clocks at once. The real one is `agent.host.clock.SystemClock`; the fake
is `tests.fakes.clock.FakeClock`.
"""

from __future__ import annotations

from typing import Protocol

from agent.model.times import Instant


class Clock(Protocol):
    """Reads time."""

    def now(self) -> Instant:
        """Both clocks at this moment."""
        ...

    def mono_ns(self) -> int:
        """The monotonic clock alone, for hot paths."""
        ...
