"""The clock of a channel's source: it never falls behind an arrival that was already handed out.

Guarantees: with sources that run in real time it is the system's clock. After one that simulated its
arrivals faster than they would have come (`fast` pace), it goes on from the last of them, so that the
pause until the next one is a gap and not an overlap.
"""

from __future__ import annotations

from agent.model.ports.clock import Clock
from agent.model.times import Instant


class ArrivalClock:
    """Implements the clock port."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lead_ns = 0

    def catch_up(self, arrived_ns: int) -> None:
        """A picture with this arrival was handed out."""
        self._lead_ns = max(self._lead_ns, arrived_ns - self._clock.mono_ns())

    def now(self) -> Instant:
        now = self._clock.now()
        return Instant(
            wall_ns=now.wall_ns + self._lead_ns, mono_ns=now.mono_ns + self._lead_ns, quality=now.quality
        )

    def mono_ns(self) -> int:
        return self._clock.mono_ns() + self._lead_ns
