"""Counts what was done to the frames of a derivative, for the leaf of each segment. Pure.

Guarantees: every frame that came is in exactly one segment's counts: shown or dropped.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from agent.deid.live import Masked, Whole
from agent.formats.ipc_v1 import DeidCounts

_MOST_PLACES = 600  # an MQTT message and a leaf have limits


@dataclass(slots=True)
class _Sums:
    whole: Counter[Whole] = field(default_factory=Counter)
    seen: int = 0
    masked: int = 0
    dropped: int = 0
    asked: int = 0
    failed: int = 0
    faces: int = 0
    most: dict[int, int] = field(default_factory=dict)
    first_ns: int | None = None


class Tally:
    """Of the segment that is being written."""

    def __init__(self) -> None:
        self._sums = _Sums()
        self.dropped_since_shown = 0

    def shown(self, masked: Masked, at_ns: int) -> None:
        """A frame that is in the segment; `at_ns` is its media time."""
        self._sums.seen += 1
        self.dropped_since_shown = 0
        self._sums.masked += masked.whole is not None or masked.masks > 0
        if masked.whole is not None:
            self._sums.whole[masked.whole] += 1
        self._looked(masked, at_ns)

    def left_out(self, masked: Masked, at_ns: int) -> None:
        """A frame that was looked at and not shown."""
        self.lost(1)
        self._looked(masked, at_ns)

    def lost(self, count: int) -> None:
        """Frames that were not even looked at."""
        self._sums.dropped += count
        self.dropped_since_shown += count

    def take(self) -> DeidCounts:
        """The counts since the last call."""
        sums, self._sums = self._sums, _Sums()
        seconds = max(sums.most, default=-1) + 1
        every = max(1, -(-seconds // _MOST_PLACES))
        boxes = [0] * -(-seconds // every)
        for second, count in sums.most.items():
            boxes[second // every] = max(boxes[second // every], count)
        return DeidCounts(
            seen=sums.seen,
            masked=sums.masked,
            whole_start=sums.whole[Whole.START],
            whole_detector=sums.whole[Whole.DETECTOR],
            whole_picture=sums.whole[Whole.PICTURE],
            whole_end=sums.whole[Whole.END],
            whole_text=sums.whole[Whole.TEXT],
            whole_device=sums.whole[Whole.DEVICE],
            dropped=sums.dropped,
            asked=sums.asked,
            failed=sums.failed,
            faces=sums.faces,
            boxes_every_s=every,
            boxes=tuple(boxes),
        )

    def _looked(self, masked: Masked, at_ns: int) -> None:
        if self._sums.first_ns is None:
            self._sums.first_ns = at_ns
        self._sums.failed += masked.failed
        self._sums.asked += masked.failed or masked.faces is not None
        if masked.faces is not None:
            self._sums.faces += masked.faces
            second = max(0, at_ns - self._sums.first_ns) // 1_000_000_000
            self._sums.most[second] = max(self._sums.most.get(second, 0), masked.faces)
