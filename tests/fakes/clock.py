"""A clock that moves only when told to."""

from __future__ import annotations

from agent.model.times import ClockQuality, Instant

START_WALL_NS = 1_795_478_400_000_000_000  # 2026-11-24T00:00:00Z


class FakeClock:
    """Implements the clock port; `advance` moves both clocks, `step_wall` only the wall clock."""

    def __init__(self, *, wall_ns: int = START_WALL_NS, mono_ns: int = 1_000_000_000) -> None:
        self._wall_ns = wall_ns
        self._mono_ns = mono_ns

    def now(self) -> Instant:
        return Instant(wall_ns=self._wall_ns, mono_ns=self._mono_ns, quality=ClockQuality.SYNCED)

    def mono_ns(self) -> int:
        return self._mono_ns

    def advance(self, seconds: float) -> None:
        self._wall_ns += round(seconds * 1e9)
        self._mono_ns += round(seconds * 1e9)

    def step_wall(self, seconds: float) -> None:
        self._wall_ns += round(seconds * 1e9)
