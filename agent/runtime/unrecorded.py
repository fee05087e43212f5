"""The stretch since the last recorded picture of a channel, with its cause. Pure.

Guarantees: from the first call on, every moment is recorded or belongs to exactly one `Stretch`; when the
cause changes in the middle (the camera went away, then the agent was stopped) there are two of them.
Times of one boot are compared on the monotonic clock, so a clock step makes no gap longer or shorter;
only the first stretch after a boot, whose beginning is known by wall time alone, is measured with that.
"""

from __future__ import annotations

from dataclasses import dataclass

from agent.model.media import GapCause
from agent.model.times import Instant

# Below this a pause between two segments is the ordinary distance of frames, not a gap, unless something went
# wrong in it.
SHORTEST_NS = 300_000_000


@dataclass(frozen=True, slots=True)
class Stretch:
    """A gap, in wall time."""

    cause: GapCause
    from_wall_ns: int
    to_wall_ns: int


class Unrecorded:
    """One channel. `end_wall_ns` is where an earlier run's account ends, None on the very first start."""

    def __init__(self, end_wall_ns: int | None, cause: GapCause) -> None:
        self._wall_ns = end_wall_ns
        self._mono_ns: int | None = None
        self._cause: GapCause | None = cause if end_wall_ns is not None else None
        self.last_picture_wall_ns: int | None = None

    def recorded_until(self, wall_ns: int, mono_ns: int) -> None:
        """Pictures up to this moment are recorded (and durable)."""
        self._wall_ns, self._mono_ns = wall_ns, mono_ns
        self.last_picture_wall_ns = wall_ns

    def surely_recorded_until(self, wall_ns: int, mono_ns: int) -> None:
        """The same of a segment that a crash cut short. A later end that is known stays."""
        if self._mono_ns is None or mono_ns > self._mono_ns:
            self.recorded_until(wall_ns, mono_ns)

    def because(self, cause: GapCause, now: Instant) -> Stretch | None:
        """Recording has stopped, or goes on not happening, for `cause`. Gives what ended by that."""
        if self._cause is None or self._cause is cause:
            self._cause = cause
            if self._wall_ns is None:
                self._wall_ns, self._mono_ns = now.wall_ns, now.mono_ns
            return None
        ended = self._ended(now.wall_ns, now.mono_ns, SHORTEST_NS)
        if ended is not None:
            self._wall_ns, self._mono_ns = now.wall_ns, now.mono_ns
        self._cause = cause
        return ended

    def resumed(self, start_wall_ns: int, start_mono_ns: int) -> Stretch | None:
        """Pictures are recorded again from this moment on. Gives the gap before it, if there is one."""
        least_ns = SHORTEST_NS if self._cause is None else 0
        self._cause = self._cause or GapCause.SOURCE_LOST
        ended = self._ended(start_wall_ns, start_mono_ns, least_ns)
        if ended is not None or self._wall_ns is None:
            # Should nothing more be told of these pictures, the next gap begins with them.
            self._wall_ns, self._mono_ns = start_wall_ns, start_mono_ns
        self._cause = None
        return ended

    def _ended(self, wall_ns: int, mono_ns: int, least_ns: int) -> Stretch | None:
        if self._wall_ns is None or self._cause is None:
            return None
        if self._mono_ns is None:
            return Stretch(self._cause, self._wall_ns, wall_ns)
        if mono_ns - self._mono_ns <= least_ns:
            return None
        return Stretch(self._cause, wall_ns - (mono_ns - self._mono_ns), wall_ns)
