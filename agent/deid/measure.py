"""How much of annotated faces masks cover, by the faces' width, and how much of the picture they cost.

Guarantees: pure. A face is the ellipse inside its annotated box, because a box's corners are no face; a
face-frame is one face on one frame. It is whole when at least `WHOLE` of the ellipse is masked, missed when
less than `SEEN` is, else in part. Doubtful faces are counted apart. Leaves out finding masks
(`offline_plan.py`) and whether the annotation is right.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agent.deid.boxes import Box, aligned
from agent.formats.face_annotation_v1 import AnnotatedFrame

WHOLE = 0.9
SEEN = 0.5
# Least width of a class in pixels of the film; the class ends where the next one begins.
WIDTHS = (0, 20, 32, 60)
Cover = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class WidthClass:
    """Face-frames at least `width` pixels wide (and narrower than the next class)."""

    width: int
    faces: int
    in_part: int
    missed: int
    people: int
    people_shown: int
    covered: float
    """Mean part of the ellipses that was masked; 1 when there are no faces."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """`frames` compared; of `doubtful` face-frames `doubtful_missed`; `area`: masked part of the picture."""

    classes: tuple[WidthClass, ...]
    frames: int
    doubtful: int
    doubtful_missed: int
    area: float

    def missed_share(self, width: int) -> float:
        """Of all counted face-frames at least `width` pixels wide (a class's bound), the part missed."""
        found = [one for one in self.classes if one.width >= width]
        faces = sum(one.faces for one in found)
        return sum(one.missed for one in found) / faces if faces else 0.0


class Tally:
    """Takes the annotated frames one by one, each with what is masked on it."""

    def __init__(self) -> None:
        self._shares: list[tuple[float, int, float]] = []
        self._doubtful: list[float] = []
        self._areas: list[float] = []

    def add(self, frame: AnnotatedFrame, cover: Cover) -> None:
        """`cover`: True at each pixel (row, column) of the frame that is masked."""
        self._areas.append(float(cover.mean()))
        for face in frame.faces:
            box = Box(*face.box)
            share = covered_share(box, cover)
            if face.doubtful:
                self._doubtful.append(share)
            else:
                self._shares.append((box.width, face.person, share))

    def result(self) -> Measurement:
        """What was found on all frames that were added."""
        bounds = (*WIDTHS, float("inf"))
        return Measurement(
            classes=tuple(
                _class(low, [one for one in self._shares if low <= one[0] < high])
                for low, high in zip(WIDTHS, bounds[1:], strict=True)
            ),
            frames=len(self._areas),
            doubtful=len(self._doubtful),
            doubtful_missed=sum(share < SEEN for share in self._doubtful),
            area=float(np.mean(self._areas)) if self._areas else 0.0,
        )


def covered_share(face: Box, cover: Cover) -> float:
    """The part of the ellipse in `face` that is masked, by the middles of pixels; 0 when it holds none."""
    height, width = cover.shape
    top, bottom = max(0, int(face.top)), min(height, int(face.bottom) + 1)
    left, right = max(0, int(face.left)), min(width, int(face.right) + 1)
    rows = (np.arange(top, bottom) + 0.5 - (face.top + face.bottom) / 2) / (face.height / 2)
    columns = (np.arange(left, right) + 0.5 - (face.left + face.right) / 2) / (face.width / 2)
    inside = rows[:, None] ** 2 + columns[None, :] ** 2 <= 1
    return float(cover[top:bottom, left:right][inside].mean()) if inside.any() else 0.0


def cover_of(boxes: Iterable[Box], size: tuple[int, int]) -> Cover:
    """What is masked by `boxes` on a picture of `size`."""
    width, height = size
    cover = np.zeros((height, width), np.bool_)
    for box in boxes:
        area = aligned(box, size)
        if area is not None:
            cover[area.top : area.bottom, area.left : area.right] = True
    return cover


def table(name: str, found: Measurement) -> tuple[str, ...]:
    """`found` as lines of a table in Markdown."""
    lines = [
        f"{name}: masks cover {found.area:.2%} of the picture on {found.frames} frames",
        "",
        "| face width, px | face-frames | covered | in part | missed | missed, % | people | people shown |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for one, end in zip(found.classes, (*WIDTHS[1:], None), strict=True):
        width = f"{one.width} and more" if end is None else f"{one.width} to {end}"
        share = f"{one.missed / one.faces:.1%}" if one.faces else "-"
        lines.append(
            f"| {width} | {one.faces} | {one.covered:.1%} | {one.in_part} | {one.missed} | {share} "
            f"| {one.people} | {one.people_shown} |"
        )
    lines += ["", f"doubtful: {found.doubtful}, of these missed: {found.doubtful_missed}"]
    return tuple(lines)


def _class(width: int, shares: Sequence[tuple[float, int, float]]) -> WidthClass:
    return WidthClass(
        width=width,
        faces=len(shares),
        in_part=sum(SEEN <= share < WHOLE for _, _, share in shares),
        missed=sum(share < SEEN for _, _, share in shares),
        people=len({person for _, person, _ in shares}),
        people_shown=len({person for _, person, share in shares if share < SEEN}),
        covered=float(np.mean([share for _, _, share in shares])) if shares else 1.0,
    )
