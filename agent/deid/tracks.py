"""Which part of which frame is masked: faces found now and then become masks that hold all the time.

Guarantees: pure. Every frame gets exactly one `FrameMask`, in order. A mask begins before its face was
first found and ends after it was last found; between two sightings it covers the way from one to the other.
What is in doubt is masked whole: a frame that no answer of the detector stands close before and close
behind, an unreadable picture, and the beginning of the film until the first face was found or `start`
frames have gone by. A wrong match of two faces makes masks larger, never smaller. Leaves out pixels
(`masks.py`) and the detector. The caller keeps each frame until its mask comes (`look_ahead` frames later,
or at `finish`), numbers frames from 0 without gaps, and gives answers in the order of their frames.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from agent.deid.boxes import Box, dilated, hull

# Two sightings may be of one face when their centres are no further apart than this many sides of the larger,
_REACH = 1.5
# and neither is this many times as large as the other.
_GROWTH = 2.0
# Below this overlap (part of the smaller) the old place stays masked too: it may have been another face.
_SURE = 0.25


class Doubt(StrEnum):
    """Why a frame is masked whole."""

    START = "start"
    DETECTOR = "detector"
    PICTURE = "picture"
    END = "end"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackSettings:
    """All in frames: a mask begins `before` and ends `after` its face, the detector is asked at least once in
    `every`, and doubt at the beginning lasts `start`. `dilation`: how much longer a mask's sides are.
    """

    before: int
    after: int
    start: int
    every: int
    dilation: float

    def __post_init__(self) -> None:
        if self.every < 1 or self.before < self.every or self.after < self.every or self.start < 0:
            raise ValueError("a mask is held for at least as long as nobody looks")

    @property
    def look_ahead(self) -> int:
        """How many frames later a frame's mask is known."""
        return self.before + self.every


@dataclass(frozen=True, slots=True)
class FrameMask:
    """What to mask on frame `number`: everything when there is a `doubt`, else `boxes`."""

    number: int
    doubt: Doubt | None
    boxes: tuple[Box, ...]


@dataclass(slots=True)
class _Span:
    first: int
    last: int
    box: Box


@dataclass(slots=True)
class _Track:
    """One face: where it was last seen, and what is masked for it. The last span is the one that is held."""

    seen: int
    box: Box
    spans: list[_Span] = field(default_factory=list)


class MaskPlanner:
    """Takes frames and the detector's answers, gives masks."""

    def __init__(self, settings: TrackSettings) -> None:
        self._settings = settings
        self._came = 0
        self._given = 0
        self._unreadable: set[int] = set()
        self._asked = -1
        self._answered: list[int] = []
        self._first_face: int | None = None
        self._tracks: list[_Track] = []
        self._finished = False

    def frame(self, number: int, *, readable: bool = True) -> tuple[FrameMask, ...]:
        """Frame `number` has come; the masks that are now known."""
        if number != self._came or self._finished:
            raise RuntimeError("frames come one after the other, and none after the end")
        self._came += 1
        if not readable:
            self._unreadable.add(number)
        return tuple(self._release(self._came - self._settings.look_ahead))

    def found(self, number: int, boxes: Sequence[Box]) -> None:
        """The detector saw `boxes` on frame `number`. A late answer still helps the frames after it."""
        self._ask(number)
        self._answered.append(number)
        if boxes and self._first_face is None:
            self._first_face = number
        still_open = [track for track in self._tracks if number - track.seen <= self._settings.after]
        left = list(boxes)
        for _, track, box in sorted(_pairs(still_open, left), key=lambda pair: pair[0]):
            if track.seen < number and box in left:
                left.remove(box)
                self._continue(track, number, box)
        for box in left:
            held = _Span(number - self._settings.before, number + self._settings.after, box)
            self._tracks.append(_Track(number, box, [held]))

    def failed(self, number: int) -> None:
        """The detector gave no answer for frame `number`: the same as when it had never been asked."""
        self._ask(number)

    def finish(self) -> tuple[FrameMask, ...]:
        """No frame comes any more; the rest of the masks."""
        self._finished = True
        return tuple(self._release(self._came))

    def _ask(self, number: int) -> None:
        if not self._asked < number < self._came:
            raise RuntimeError("answers come in the order of their frames, which came before")
        self._asked = number

    def _continue(self, track: _Track, number: int, box: Box) -> None:
        held = track.spans[-1]
        if _shared(track.box, box) >= _SURE:
            held.last = track.seen  # from here on the way to the new place covers the old one
        track.spans.append(_Span(track.seen, number, hull(track.box, box)))
        track.spans.append(_Span(number, number + self._settings.after, box))
        track.seen, track.box = number, box

    def _release(self, end: int) -> Iterator[FrameMask]:
        while self._given < end:
            number = self._given
            boxes = {
                span.box: None
                for track in self._tracks
                for span in track.spans
                if span.first <= number <= span.last
            }
            masks = tuple(dilated(box, self._settings.dilation) for box in _outermost(tuple(boxes)))
            yield FrameMask(number, self._doubt(number), masks)
            self._forget(number)
            self._given += 1

    def _doubt(self, number: int) -> Doubt | None:
        if number in self._unreadable:
            return Doubt.PICTURE
        before = bisect_right(self._answered, number)
        if before == 0:
            return Doubt.START if number < self._settings.start else Doubt.DETECTOR
        last = self._answered[before - 1]
        behind = bisect_left(self._answered, number)
        if number - last >= self._settings.every:
            return Doubt.DETECTOR
        if behind == len(self._answered):
            return Doubt.END if self._finished and self._asked == last else Doubt.DETECTOR
        if self._answered[behind] - last > self._settings.every:
            return Doubt.DETECTOR
        no_face_yet = self._first_face is None or number < self._first_face - self._settings.before
        return Doubt.START if no_face_yet and number < self._settings.start else None

    def _forget(self, number: int) -> None:
        """What no later frame asks for."""
        self._unreadable.discard(number)
        del self._answered[: max(0, bisect_right(self._answered, number) - 1)]
        for track in self._tracks:
            track.spans[:-1] = [span for span in track.spans[:-1] if span.last > number]
        self._tracks = [track for track in self._tracks if track.seen + self._settings.after > number]


def _outermost(boxes: tuple[Box, ...]) -> Iterator[Box]:
    """Those that no other one of different size or place covers; a film's plan is kept in memory whole."""
    for box in boxes:
        if not any(hull(box, other) == other for other in boxes if other != box):
            yield box


def _pairs(tracks: Sequence[_Track], boxes: Sequence[Box]) -> Iterator[tuple[float, _Track, Box]]:
    """Tracks and boxes that may belong together, with their distance in sides of the larger."""
    for track in tracks:
        for box in boxes:
            sides = (max(track.box.width, track.box.height), max(box.width, box.height))
            across = (track.box.left + track.box.right - box.left - box.right) / 2
            down = (track.box.top + track.box.bottom - box.top - box.bottom) / 2
            distance = (across * across + down * down) ** 0.5 / max(*sides, 1.0)
            if distance <= _REACH and max(sides) <= _GROWTH * min(sides):
                yield distance, track, box


def _shared(one: Box, other: Box) -> float:
    across = min(one.right, other.right) - max(one.left, other.left)
    down = min(one.bottom, other.bottom) - max(one.top, other.top)
    smaller = min(one.width * one.height, other.width * other.height)
    return across * down / smaller if across > 0 and down > 0 else 0.0
