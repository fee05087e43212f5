"""Keeps where text was seen: a look now and then, boxes held before and after, doubt where nobody looked.

Guarantees: a box found on one picture is masked from `before` pictures earlier until `after` pictures
later; boxes are a union, so text that a later look misses stays masked for a while. Between two looks the
way from a box that went to a similar one that came near it is masked too: a name tag that moves. `boxes` is
None, which means the whole picture, when no answer stands less than `every` pictures before it (and, with
`both_ways`, one as close behind it). Leaves out pixels and time. The caller brings pictures in order, and
asks for boxes of a picture that came.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from agent.deid.boxes import Box, hull
from agent.deid.faces import overlap_share
from agent.deid.onnx_session import input_size
from agent.deid.text import TextDetector
from agent.deid.text_model import TextProfile
from agent.model.errors import AgentError

# A line of text at the same place: intersection over union.
_SAME_PLACE = 0.5
# A line that moved is at most so many of its longer sides away, and no more than so many times as large.
_REACH = 2.0
_GROWTH = 1.5


class Seen(Protocol):
    """A decoded picture (`pictures.Picture`)."""

    @property
    def readable(self) -> bool:
        """False when nothing of it may be shown."""
        ...

    def rgb(self, size: tuple[int, int]) -> NDArray[np.uint8]:
        """Its colours at `size`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class TextSettings:
    """In pictures: look each `every`, hold `before` and `after`. `sides` in pixels. `both_ways`: looks
    that come after a picture count too, because its mask is made when all looks are done.
    """

    sides: tuple[int, ...]
    every: int
    before: int
    after: int
    both_ways: bool

    def __post_init__(self) -> None:
        if not self.sides or self.every < 1 or self.before < 0 or self.after < self.every:
            raise ValueError("text is held for at least as long as nobody looks")


def text_settings(profile: TextProfile, rate: Fraction, *, both_ways: bool) -> TextSettings:
    """The profile's seconds at `rate` pictures per second; looks are never rarer than it says."""
    every = max(1, math.floor(Fraction(profile.every_s) * rate))
    return TextSettings(
        sides=profile.sides,
        every=every,
        before=max(every, math.ceil(Fraction(profile.before_s) * rate)),
        after=max(every, math.ceil(Fraction(profile.after_s) * rate)),
        both_ways=both_ways,
    )


class TextWatch:
    """For pictures of `size`, one unbroken stretch."""

    def __init__(self, detector: TextDetector, size: tuple[int, int], settings: TextSettings) -> None:
        self._detector = detector
        self._size = size
        self._settings = settings
        # Numbers of the pictures looked at, in order, and what was seen: None where the look failed.
        self._looks: list[int] = []
        self._seen: list[tuple[Box, ...] | None] = []
        # What is masked between a look and the one before it, beside what both saw.
        self._ways: list[tuple[Box, ...]] = []
        self.asked = 0
        self.found = 0
        self.failures: list[str] = []

    @property
    def newest(self) -> int:
        """The number of the picture that was looked at last; -1 before the first."""
        return self._looks[-1] if self._looks else -1

    def look(self, number: int, picture: Seen) -> None:
        """Picture `number` has come; it is looked at when the last look was long enough ago."""
        if not self._looks or number - self._looks[-1] >= self._settings.every:
            self.look_now(number, picture)

    def look_now(self, number: int, picture: Seen) -> None:
        """Looks at picture `number`, however long ago the last look was."""
        if self._looks and number <= self._looks[-1]:
            raise RuntimeError("looks come in the order of their pictures")
        self.asked += 1
        boxes = self._find(picture)
        self.found += len(boxes or ())
        before = self._seen[-1] if self._seen else None
        self._ways.append(ways_between(before or (), boxes or ()))
        self._looks.append(number)
        self._seen.append(boxes)
        if not self._settings.both_ways:
            self._forget(number)

    def boxes(self, number: int) -> tuple[Box, ...] | None:
        """What to fill on picture `number`; None when that is in doubt."""
        settings = self._settings
        if not self._answered(number - settings.every + 1, number):
            return None
        if settings.both_ways and not self._answered(number, number + settings.every - 1):
            return None
        held = self._between(number - settings.after, number + settings.before)
        following = bisect_right(self._looks, number)
        ways = self._ways[following] if following < len(self._looks) else ()
        return tuple({box: None for boxes in (*held, ways) for box in boxes or ()})

    def _answered(self, first: int, last: int) -> bool:
        return any(boxes is not None for boxes in self._between(first, last))

    def _between(self, first: int, last: int) -> list[tuple[Box, ...] | None]:
        return self._seen[bisect_left(self._looks, first) : bisect_right(self._looks, last)]

    def _find(self, picture: Seen) -> tuple[Box, ...] | None:
        if not picture.readable:
            self.failures.append("deid.picture")
            return None
        found: list[Box] = []
        try:
            for side in self._settings.sides:
                found += self._at(picture, input_size(self._size, side))
        except AgentError as error:
            self.failures.append(error.code)
            return None
        return tuple(found)

    def _at(self, picture: Seen, seen: tuple[int, int]) -> list[Box]:
        across, down = self._size[0] / seen[0], self._size[1] / seen[1]
        return [
            Box(box.left * across, box.top * down, box.right * across, box.bottom * down)
            for box in self._detector.find(picture.rgb(seen))
        ]

    def _forget(self, number: int) -> None:
        """Looks that no picture still to come needs; a live caller asks a little behind the newest look."""
        oldest = number - 2 * (self._settings.after + self._settings.before)
        gone = bisect_left(self._looks, oldest)
        del self._looks[:gone], self._seen[:gone], self._ways[:gone]


def ways_between(before: tuple[Box, ...], after: tuple[Box, ...]) -> tuple[Box, ...]:
    """The hull of each box that went and the nearest similar one that came; a wrong pair masks more."""
    went = [box for box in before if not _stays(box, after)]
    came = [box for box in after if not _stays(box, before)]
    ways = []
    for box in went:
        near = [(_distance(box, other), other) for other in came if _similar(box, other)]
        distance, other = min(near, key=lambda pair: pair[0], default=(math.inf, box))
        if distance <= _REACH * max(box.width, box.height):
            ways.append(hull(box, other))
    return tuple(ways)


def _stays(box: Box, others: tuple[Box, ...]) -> bool:
    return any(overlap_share(box, other) >= _SAME_PLACE for other in others)


def _similar(one: Box, other: Box) -> bool:
    wide, high = sorted((one.width, other.width)), sorted((one.height, other.height))
    return wide[1] <= _GROWTH * wide[0] and high[1] <= _GROWTH * high[0]


def _distance(one: Box, other: Box) -> float:
    across = one.left + one.right - other.left - other.right
    down = one.top + one.bottom - other.top - other.bottom
    return math.hypot(across, down) / 2
