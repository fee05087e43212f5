"""Plain numbers of one decoded picture: how dark, how flat, how blurred, how much changed, a card or not.

Guarantees: pure arithmetic on the planes given; the same planes give the same numbers; about 6 ms for a
1080p picture. Never keeps or returns pixels except the small luma that the caller needs for the next
comparison. Leaves out decoding (`key_pictures.py`) and judging (`rules/`).

All work is on luma scaled down to at most 480x270 by averaging, and chroma to a quarter of that. What is
smaller than about four pixels of a 1080p picture can't be seen here: a slight defocus, one moving digit
of a small clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from agent.capture.observed import PictureNumbers

Plane = NDArray[np.uint8]
Floats = NDArray[np.float32]

MAX_WIDTH, MAX_HEIGHT = 480, 270
# Tiles per row and column; with 480x270 a tile is 40x30.
_TILES_X, _TILES_Y = 12, 9
# Standard deviation of luma under which a tile has no detail: sensor noise and coding stay below it.
FLAT_DEVIATION = 3.0
# A pixel has changed when its luma differs by more: above the noise that is left after averaging.
CHANGED_BY = 6
# Mean difference of neighbouring pictures from which on something moves, in levels of luma.
MOVES_BY = 0.5
# Levels up and down that count as one colour: a flat surface after coding.
_ONE_COLOUR = 4
_BLUR_WINDOW = 9
# Noise looks like sharp edges: it is smoothed a little, and what is left of it lies under this step in luma.
_NOISE_SPREAD = 0.8
_NO_EDGE = 2.0
_FEW_EDGES = 0.02


def small_luma(luma: Plane, *, full_range: bool) -> Plane:
    """Luma of a picture, scaled down and stretched to full range."""
    height, width = luma.shape
    scale = min(1.0, MAX_WIDTH / width, MAX_HEIGHT / height)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(luma, size, interpolation=cv2.INTER_AREA)
    return np.asarray(small if full_range else cv2.LUT(small, _STRETCHED), np.uint8)


def small_chroma(plane: Plane, luma_shape: tuple[int, ...]) -> Plane:
    """A chroma plane at half the width and height of the small luma."""
    size = (max(1, luma_shape[1] // 2), max(1, luma_shape[0] // 2))
    return np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_AREA), np.uint8)


def measure(
    luma: Plane, chroma: tuple[Plane, Plane] | None, before: Plane | None, dark_luma: float
) -> PictureNumbers:
    """Numbers of a picture that `small_luma` and `small_chroma` scaled; `before` is the last one's luma."""
    flat, blur = _tiles(luma)
    changed, difference = change(luma, before)
    return PictureNumbers(
        luma=float(luma.mean()),
        dark_share=float(np.count_nonzero(luma <= dark_luma)) / luma.size,
        flat_share=flat,
        blur=blur,
        plain=_plain(luma, chroma),
        saturation=None if chroma is None else _saturation(chroma),
        bars=_bars(luma),
        changed=changed,
        difference=difference,
    )


def change(luma: Plane, before: Plane | None) -> tuple[float | None, float | None]:
    """Share of pixels that changed, and mean difference; None without a picture of the same size."""
    if before is None or before.shape != luma.shape:
        return None, None
    off = cv2.absdiff(luma, before)
    return float(np.count_nonzero(off > CHANGED_BY)) / off.size, float(off.mean())


def repeats(pictures: Sequence[Plane]) -> tuple[int, int]:
    """Of small pictures in a row: how many were compared, and how many only repeat the one before.

    A repeated picture is a stop between two moves: its difference is under a quarter of that of both its
    neighbours, and they move. Encoders spend bits on repeats too, so sizes of packets don't show them;
    real motion has no stop of one picture. Nothing is compared while nothing moves.
    """
    steps = [step for a, b in pairwise(pictures) if (step := change(b, a)[1]) is not None]
    moves = [(step, min(last, after)) for last, step, after in zip(steps, steps[1:], steps[2:], strict=False)]
    found = sum(around >= MOVES_BY and step < around / 4 for step, around in moves)
    moving = sum(step >= MOVES_BY for step in steps)
    return (len(moves), found) if moving >= max(3, len(steps) // 3) else (0, 0)


def _tiles(luma: Plane) -> tuple[float, float | None]:
    """Share of flat tiles, and the median blur of the others.

    Blur is the no-reference measure of Crete, Dolmiere, Ladret and Nicolas, "The blur effect" (SPIE 6492,
    2007): blur the picture again; the less its neighbour differences shrink, the more blurred it was.
    """
    values = np.asarray(cv2.GaussianBlur(luma.astype(np.float32), (0, 0), _NOISE_SPREAD), np.float32)
    mean, square = _per_tile(values), _per_tile(values * values)
    flat = square - mean * mean < FLAT_DEVIATION**2
    across = _blur(values, _averaged(values, (_BLUR_WINDOW, 1)), axis=1)
    down = _blur(values, _averaged(values, (1, _BLUR_WINDOW)), axis=0)
    blurs = np.maximum(across, down)[~flat]
    enough = blurs.size >= max(1, flat.size // 20)
    return float(flat.mean()), float(np.median(blurs)) if enough else None


def _blur(values: Floats, again: Floats, axis: int) -> Floats:
    """Per tile, the part of the edges that is left after blurring again; 1 where there is no edge at all."""
    was = np.abs(np.diff(values, axis=axis))
    was[was <= _NO_EDGE] = 0
    total = _per_tile(was)
    left = _per_tile(np.minimum(np.abs(np.diff(again, axis=axis)), was))
    return np.divide(left, total, out=np.ones_like(total), where=total > _FEW_EDGES)


def _averaged(values: Floats, window: tuple[int, int]) -> Floats:
    return np.asarray(cv2.blur(values, window), np.float32)


def _per_tile(values: Floats) -> Floats:
    tiles = cv2.resize(values, (_TILES_X, _TILES_Y), interpolation=cv2.INTER_AREA)
    return np.asarray(tiles, np.float32)


def _plain(luma: Plane, chroma: tuple[Plane, Plane] | None) -> float:
    """Share of the most frequent level and its neighbours; the lowest of the planes'."""
    shares: list[float] = []
    for plane in (luma, *(chroma or ())):
        levels = np.bincount(plane.ravel(), minlength=256)
        around = np.convolve(levels, np.ones(2 * _ONE_COLOUR + 1, np.int64), mode="same")
        shares.append(float(around.max()) / plane.size)
    return min(shares)


def _saturation(chroma: tuple[Plane, Plane]) -> float:
    u, v = (plane.astype(np.float32) - 128 for plane in chroma)
    return float(np.mean(np.sqrt(u * u + v * v), dtype=np.float64))


def _bars(luma: Plane) -> float:
    """Share of the area that has its column's commonest luma, seen at 27 heights; text may cover some."""
    heights = np.linspace(0, luma.shape[0] - 1, 29).astype(int)[1:-1]
    rows = luma[heights].astype(np.int16)
    return float((np.abs(rows - np.sort(rows, axis=0)[13]) <= _ONE_COLOUR).mean())


_STRETCHED = np.clip(np.rint((np.arange(256) - 16) * (255 / 219)), 0, 255).astype(np.uint8)
