"""Makes a stream's timestamps fit for a muxer: all present, decoding times strictly growing.

Guarantees: pure; no packet is dropped or reordered; every change is counted in `repairs`, every jump
backwards that was bridged in `resets`, its size in `stepped` until the next `add`. A jump forwards stays:
it is a gap, and gaps are measured elsewhere. Leading packets without a decoding time (the key frame of an
RTSP session) are held until the first one is known, then placed one period apart before it.
"""

from __future__ import annotations

from typing import Generic, TypeVar

Item = TypeVar("Item")

MAX_HELD = 25
# A step back of more than this many periods is a new time line (camera restarted), not jitter.
_RESET_PERIODS = 25


class TimestampRepair(Generic[Item]):
    """Feed packets in decoding order to `add`; call `flush` at the end."""

    def __init__(self, period: int) -> None:
        self._period = max(1, period)
        self._held: list[tuple[Item, int | None]] = []
        self._last: int | None = None
        self._shift = 0
        self.repairs = 0
        self.resets = 0
        self.stepped = 0

    def add(self, item: Item, pts: int | None, dts: int | None) -> list[tuple[Item, int, int]]:
        """The packets that may go on now, each with its pts and dts. Empty while one is held."""
        self.stepped = 0
        if self._last is not None:
            return [(item, *self._fix(pts, dts))]
        if dts is None:
            self._held.append((item, pts))
            return [] if len(self._held) < MAX_HELD else self.flush()
        out = self._place_held(dts - len(self._held) * self._period)
        out.append((item, *self._fix(pts, dts)))
        return out

    def flush(self) -> list[tuple[Item, int, int]]:
        """What is still held, because no packet with a decoding time ever came."""
        known = (pts for _, pts in self._held if pts is not None)
        return self._place_held(next(known, 0))

    def _place_held(self, first: int) -> list[tuple[Item, int, int]]:
        held, self._held = self._held, []
        self.repairs += len(held)
        return [(item, *self._fix(pts, first + n * self._period)) for n, (item, pts) in enumerate(held)]

    def _fix(self, pts: int | None, dts: int | None) -> tuple[int, int]:
        last, period = self._last, self._period
        if dts is None:
            self.repairs += 1
            expected = last + period if last is not None else None
            dts = self._shifted_guess(pts, expected)
        else:
            dts += self._shift
            if last is not None and dts <= last:
                dts = self._bridge(dts, last)
        pts = dts if pts is None else pts + self._shift
        self._last = dts
        if pts < dts:
            self.repairs += 1
            pts = dts
        return pts, dts

    def _shifted_guess(self, pts: int | None, expected: int | None) -> int:
        """A decoding time for a packet that has none: not after its pts, but after the one before."""
        if expected is None:
            return pts if pts is not None else 0
        if pts is None or self._last is None:
            return expected
        return max(self._last + 1, min(pts + self._shift, expected))

    def _bridge(self, dts: int, last: int) -> int:
        """The new decoding time of a packet whose own doesn't grow."""
        if last - dts > _RESET_PERIODS * self._period:
            self.resets += 1
            self.stepped = dts - last - self._period
            self._shift += last + self._period - dts
            return last + self._period
        self.repairs += 1
        return last + 1
