"""Rectangles on a picture: growing, joining and aligning them, so that a mask covers more, never less.

Guarantees: pure; `aligned` lies on even pixels and inside the picture; `disjoint` covers all that it was
given. Leaves out where boxes come from (`faces.py`) and what is done inside them (`masks.py`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in pixels, origin top left; `right` and `bottom` lie just outside."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def width(self) -> float:
        return self.right - self.left

    @property
    def height(self) -> float:
        return self.bottom - self.top


@dataclass(frozen=True, slots=True)
class Area:
    """A rectangle of whole, even pixels inside a picture; `right` and `bottom` lie just outside."""

    left: int
    top: int
    right: int
    bottom: int


def overlap(one: Box, other: Box) -> bool:
    """True when they share more than an edge."""
    return (
        one.left < other.right
        and other.left < one.right
        and one.top < other.bottom
        and other.top < one.bottom
    )


def hull(one: Box, other: Box) -> Box:
    """The smallest box around both: it also holds every box on the straight way from one to the other."""
    return Box(
        min(one.left, other.left),
        min(one.top, other.top),
        max(one.right, other.right),
        max(one.bottom, other.bottom),
    )


def dilated(box: Box, factor: float) -> Box:
    """The box with both sides `factor` (1 or more) times as long around the same centre."""
    if factor < 1:
        raise ValueError("a box may grow, never shrink")
    by_x, by_y = box.width * (factor - 1) / 2, box.height * (factor - 1) / 2
    return Box(box.left - by_x, box.top - by_y, box.right + by_x, box.bottom + by_y)


def zone(x: Fraction, y: Fraction, width: Fraction, height: Fraction, size: tuple[int, int]) -> Box:
    """The box of a zone that is written in parts of a picture of `size` (width, height)."""
    across, down = size
    return Box(float(x * across), float(y * down), float((x + width) * across), float((y + height) * down))


def aligned(box: Box, size: tuple[int, int]) -> Area | None:
    """`box` outwards to even pixels and cut to the picture of `size`; None when nothing of it lies inside.

    Even, because a chroma sample of YUV 4:2:0 belongs to two by two pixels: half of it can't be masked.
    """
    width, height = size
    if width % 2 or height % 2:
        raise ValueError("a 4:2:0 picture with an odd side has no even alignment")
    area = Area(
        max(0, 2 * math.floor(box.left / 2)),
        max(0, 2 * math.floor(box.top / 2)),
        min(width, 2 * math.ceil(box.right / 2)),
        min(height, 2 * math.ceil(box.bottom / 2)),
    )
    return area if area.left < area.right and area.top < area.bottom else None


def disjoint(areas: Iterable[Area]) -> tuple[Area, ...]:
    """Areas that cover all of `areas` and don't overlap: what overlaps becomes one area around both."""
    waiting = list(dict.fromkeys(areas))
    done: list[Area] = []
    while waiting:
        area = waiting.pop()
        met = [other for other in done if _meet(area, other)]
        if met:
            done = [other for other in done if other not in met]
            waiting.append(_around([area, *met]))
        else:
            done.append(area)
    return tuple(sorted(done, key=lambda area: (area.top, area.left)))


def _meet(one: Area, other: Area) -> bool:
    return (
        one.left < other.right
        and other.left < one.right
        and one.top < other.bottom
        and other.top < one.bottom
    )


def _around(areas: list[Area]) -> Area:
    return Area(
        min(area.left for area in areas),
        min(area.top for area in areas),
        max(area.right for area in areas),
        max(area.bottom for area in areas),
    )
