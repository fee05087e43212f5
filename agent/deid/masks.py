"""Masks over the planes of a YUV 4:2:0 picture, in place: a fill, or a mosaic that can't be undone.

Guarantees: after `apply` no luma or chroma sample inside a mask depends on more of the picture than the
mean of its cell, and nothing outside has changed. Pure arithmetic on the arrays that are given. Leaves out
where masks lie (`tracks.py`) and the codec. The caller hands over whole planes of 8 bits.

Why a mosaic is coarse. Small cells keep a face: networks recognise faces through mosaics of 16 by 16 pixels
and less (R. McPherson, R. Shokri, V. Shmatikov, "Defeating Image Obfuscation with Deep Learning", 2016),
and in a film the cells sample a moving face again and again. So a mask has at most 4 by 4 cells, each at
least `MIN_CELL` pixels wide and high, and its sides are divided evenly: a narrow cell at the edge would be
a mean of few pixels, which is as good as the pixels. Masks that overlap become one first, and fills come
last: the mean of a cell whose other pixels are known gives away the rest. A mask narrower or lower than one
cell is filled.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from agent.deid.boxes import Area, Box, aligned, disjoint

MIN_CELL = 16
MAX_CELLS = 4
Plane = NDArray[np.uint8]


class MaskKind(StrEnum):
    """What a mask leaves."""

    FILL = "fill"
    MOSAIC = "mosaic"


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskStyle:
    """How masks look: the fill's colour as Y, U, V, and the shortest side of a mosaic's cell in pixels."""

    kind: MaskKind
    colour: tuple[int, int, int]
    cell: int = MIN_CELL

    def __post_init__(self) -> None:
        if self.cell < MIN_CELL:
            raise ValueError(f"a mosaic's cell has at least {MIN_CELL} pixels")


@dataclass(frozen=True, slots=True)
class Planes:
    """A picture in YUV 4:2:0: `u` and `v` have half the width and height of `y`. Writable."""

    y: Plane
    u: Plane
    v: Plane

    def __post_init__(self) -> None:
        height, width = self.y.shape
        if width % 2 or height % 2 or {self.u.shape, self.v.shape} != {(height // 2, width // 2)}:
            raise ValueError("these planes are no 4:2:0 picture of even size")

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.y.shape[1], self.y.shape[0]


def planes_of(packed: Plane, size: tuple[int, int]) -> Planes:
    """Views into the planes that lie one behind the other in `packed`, without padding."""
    width, height = size
    flat = packed.reshape(-1)
    if not np.shares_memory(flat, packed) or flat.size != width * height * 3 // 2:
        raise ValueError("not the planes of a picture of this size, one behind the other")
    luma, chroma = width * height, width * height // 4
    half = (height // 2, width // 2)
    return Planes(
        flat[:luma].reshape(height, width),
        flat[luma : luma + chroma].reshape(half),
        flat[luma + chroma :].reshape(half),
    )


def yuv_of(rgb: tuple[int, int, int]) -> tuple[int, int, int]:
    """Y, U, V of a colour by ITU-R BT.709 in limited range. Other matrices show it a little differently."""
    red, green, blue = (value / 255 for value in rgb)
    luma = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    return (
        round(16 + 219 * luma),
        round(128 + 224 * (blue - luma) / 1.8556),
        round(128 + 224 * (red - luma) / 1.5748),
    )


def apply(planes: Planes, faces: Iterable[Box], zones: Iterable[Box], style: MaskStyle) -> None:
    """Masks `faces` in `style` and fills `zones`, which hold text and are never mosaics."""
    found = [area for box in faces if (area := aligned(box, planes.size)) is not None]
    fixed = [area for box in zones if (area := aligned(box, planes.size)) is not None]
    if style.kind is MaskKind.MOSAIC:
        for area in disjoint(found):
            if min(area.right - area.left, area.bottom - area.top) < style.cell:
                fixed.append(area)
            else:
                _mosaic(planes, area, style.cell)
    else:
        fixed += found
    for area in fixed:
        _fill(planes, area, style.colour)


def fill_all(planes: Planes, style: MaskStyle) -> None:
    """The mask over the whole picture: always a fill."""
    width, height = planes.size
    _fill(planes, Area(0, 0, width, height), style.colour)


def cropped(packed: Plane, size: tuple[int, int], area: Area) -> Plane:
    """The planes of a picture of `size` cut to `area`, which lies on even pixels inside it: a new picture."""
    width, height = area.right - area.left, area.bottom - area.top
    whole = planes_of(packed, size)
    parts = [
        plane[area.top // step : area.bottom // step, area.left // step : area.right // step].reshape(-1)
        for plane, step in ((whole.y, 1), (whole.u, 2), (whole.v, 2))
    ]
    return np.concatenate(parts).reshape(height * 3 // 2, width)


def _fill(planes: Planes, area: Area, colour: tuple[int, int, int]) -> None:
    for plane, step, value in zip((planes.y, planes.u, planes.v), (1, 2, 2), colour, strict=True):
        rows = slice(area.top // step, area.bottom // step)
        plane[rows, area.left // step : area.right // step] = value


def _mosaic(planes: Planes, area: Area, cell: int) -> None:
    across, down = _edges(area.left, area.right, cell), _edges(area.top, area.bottom, cell)
    for plane, step in ((planes.y, 1), (planes.u, 2), (planes.v, 2)):
        for top, bottom in pairwise(down):
            for left, right in pairwise(across):
                part = plane[top // step : bottom // step, left // step : right // step]
                part[...] = int(part.mean() + 0.5)


def _edges(start: int, end: int, cell: int) -> list[int]:
    """Even borders of at most `MAX_CELLS` parts, none shorter than `cell`; one part where no two fit."""
    pairs = (end - start) // 2
    count = max(1, min(MAX_CELLS, pairs // -(-cell // 2)))
    return [start + 2 * (pairs * number // count) for number in range(count + 1)]
