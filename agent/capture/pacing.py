"""Which pictures are encoded: no more than the rate allows, and no more than this machine manages.

Guarantees: pure; what is left out is decided before it costs anything, and the caller counts it. Times are
in nanoseconds: media times for the rate, the monotonic clock for the load.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from agent.model.times import NS_PER_S

# A driver's buffers hold four pictures or so, a network's some more: work that is further behind has to end.
BUSY_NS = 300_000_000
HOPELESS_NS = 1_500_000_000
# Of the distance that pictures shall have: timestamps shiver.
_EARLY = 8


@dataclass(slots=True)
class Counts:
    """Pictures that came and are not handed out: for the rate, undecodable, for want of time."""

    left_out: int = 0
    undecoded: int = 0
    dropped: int = 0


class Decimator:
    """Keeps the pictures that are nearest to an even pace, each with its own time."""

    def __init__(self, rate: Fraction) -> None:
        self._step_ns = round(NS_PER_S / rate)
        self._due_ns: int | None = None

    def keeps(self, at_ns: int) -> bool:
        """Whether the picture of this media time is one of them. Times grow from call to call."""
        due_ns = at_ns if self._due_ns is None else self._due_ns
        if at_ns < due_ns - self._step_ns // _EARLY:
            return False
        if at_ns >= due_ns + self._step_ns:
            due_ns = at_ns  # after a gap the pace begins anew: nothing is made up for
        self._due_ns = due_ns + self._step_ns
        return True


class Load:
    """How far the work is behind the pictures: what it has taken beyond the time between them."""

    def __init__(self) -> None:
        self._behind_ns = 0
        self._last_ns: int | None = None
        self._is_busy = False
        self._is_hopeless = False

    def arrives(self, at_ns: int) -> None:
        """The next picture, by its media time."""
        passed_ns = 0 if self._last_ns is None else max(0, at_ns - self._last_ns)
        self._last_ns = at_ns
        self._behind_ns = max(0, self._behind_ns - passed_ns)
        self._is_busy = self._behind_ns > (BUSY_NS // 2 if self._is_busy else BUSY_NS)
        self._is_hopeless = self._behind_ns > (BUSY_NS if self._is_hopeless else HOPELESS_NS)

    def took(self, spent_ns: int) -> None:
        """All the work for that picture."""
        self._behind_ns += max(0, spent_ns)

    @property
    def is_busy(self) -> bool:
        """Pictures should be left out before they are encoded."""
        return self._is_busy

    @property
    def is_hopeless(self) -> bool:
        """Not even decoding is managed."""
        return self._is_hopeless
