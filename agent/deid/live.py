"""Masks the pictures of a running stream: some frames behind it, each once, in order, never unmasked.

Guarantees: what comes out of `take` is a new picture made of samples that were masked first, or a filled one,
or nothing; a picture that is in doubt is filled whole, and so is each one while nobody knows where
text stands (`zones` None). What the detector can't answer (`AgentError`) costs whole pictures; any
other error leaves through `take`, with nothing shown. Leaves out decoding, encoding and which pictures to
leave out for want of time (`keep`). One masker is for one size and one unbroken stretch: after a hole the
caller takes what `finish` gives and makes another.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import Protocol

import numpy as np
from av.video.frame import VideoFrame

from agent.deid.boxes import Box
from agent.deid.detector_profiles import at_rate, detector_profile
from agent.deid.faces import FaceDetector
from agent.deid.live_decoder import Decoded
from agent.deid.masks import Planes, apply, fill_all
from agent.deid.onnx_session import input_size
from agent.deid.pictures import Picture
from agent.deid.policy import style_of, track_settings
from agent.deid.tracks import Doubt, FrameMask, MaskPlanner
from agent.formats.deid_policy_v1 import DeidPolicy
from agent.model.errors import AgentError

_LIMITED, _FULL = "yuv420p", "yuvj420p"


class Whole(StrEnum):
    """Why a picture is filled whole."""

    START = "start"
    DETECTOR = "detector"
    PICTURE = "picture"
    END = "end"
    TEXT = "text"
    DEVICE = "device"


class TextWatch(Protocol):
    """Finds text now and then and keeps where it was."""

    def look(self, number: int, picture: Picture) -> None:
        """Picture `number` has come, each once and in order; it decides by itself whether to look at it."""
        ...

    def boxes(self, number: int) -> tuple[Box, ...] | None:
        """What to fill on picture `number`, which came before; None when that is in doubt."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Masked:
    """One picture that came. `frame` is None when it was left out. `faces` is what the detector saw on it,
    None when it was not asked or `failed`. `masks` counts the face masks."""

    frame: VideoFrame | None
    pts: int
    arrived_ns: int
    whole: Whole | None
    masks: int
    faces: int | None
    failed: bool


@dataclass(slots=True)
class _Waiting:
    """A picture whose mask is not known yet. `frame` is None when nothing of it may be shown."""

    came: Decoded
    frame: VideoFrame | None
    keep: bool
    faces: int | None = None
    failed: bool = False


class LiveMasker:
    """`zones`: what is filled on every picture, those of the policy too, in pixels."""

    def __init__(
        self,
        policy: DeidPolicy,
        detector: FaceDetector,
        *,
        size: tuple[int, int],
        rate: Fraction,
        zones: Sequence[Box] | None,
        text: TextWatch | None = None,
    ) -> None:
        self._detector = detector
        self._text = text
        self._size = size
        self._profile = at_rate(detector_profile(policy.detector), rate)
        self._style = style_of(policy)
        self._zones = None if zones is None else tuple(zones)
        self._planner = MaskPlanner(track_settings(policy, self._profile, rate))
        self._waiting: deque[_Waiting] = deque()
        self._number = 0
        self._look: tuple[str, int, int] = (_LIMITED, 0, 2)

    def take(self, came: Decoded, *, keep: bool) -> list[Masked]:
        """The next picture; those whose masks are now known. Without `keep` it is looked at, not shown."""
        frame, readable = came.frame, came.readable
        if frame is not None and (frame.width, frame.height) != self._size:
            readable = False
        if self._zones is None:
            return [self._shown(_Waiting(came, None, keep), Whole.DEVICE, (), ())]
        number, self._number = self._number, self._number + 1
        picture = None
        if frame is not None and readable:
            self._look = _look_of(frame)
            picture = Picture(number, frame, readable=True)
        waits = _Waiting(came, frame if keep and readable else None, keep)
        self._waiting.append(waits)
        ready = self._planner.frame(number, readable=readable)
        if number % self._profile.every == 0:
            self._ask(number, picture, waits)
        if picture is not None and self._text is not None:
            self._text.look(number, picture)
        return self._released(ready)

    def finish(self) -> list[Masked]:
        """The pictures that still wait; nothing may be taken afterwards."""
        return self._released(self._planner.finish())

    def _ask(self, number: int, picture: Picture | None, waits: _Waiting) -> None:
        if picture is None:
            self._planner.failed(number)
            return
        seen = input_size(self._size, self._profile.side)
        try:
            faces = self._detector.find(picture.rgb(seen))
        except AgentError:
            waits.failed = True
            self._planner.failed(number)
            return
        across, down = self._size[0] / seen[0], self._size[1] / seen[1]
        boxes = [face.box for face in faces]
        waits.faces = len(boxes)
        self._planner.found(
            number,
            [Box(box.left * across, box.top * down, box.right * across, box.bottom * down) for box in boxes],
        )

    def _released(self, masks: Iterable[FrameMask]) -> list[Masked]:
        return [self._release(mask) for mask in masks]

    def _release(self, mask: FrameMask) -> Masked:
        text = () if self._text is None else self._text.boxes(mask.number)
        whole = None if mask.doubt is None else _WHOLE[mask.doubt]
        if text is None:
            whole = whole or Whole.TEXT
        return self._shown(self._waiting.popleft(), whole, mask.boxes, text or ())

    def _shown(
        self, waits: _Waiting, whole: Whole | None, masks: tuple[Box, ...], text: tuple[Box, ...]
    ) -> Masked:
        frame = None
        if waits.keep:
            frame = self._masked(None if whole is not None else waits.frame, masks, text)
        return Masked(
            frame=frame,
            pts=waits.came.pts,
            arrived_ns=waits.came.arrived_ns,
            whole=whole,
            masks=len(masks),
            faces=waits.faces,
            failed=waits.failed,
        )

    def _masked(self, source: VideoFrame | None, masks: tuple[Box, ...], text: tuple[Box, ...]) -> VideoFrame:
        """A new picture of masked samples and nothing else: no side data, no captions, no camera's times.

        A copy, because the decoder makes the next pictures out of its own one.
        """
        pixels, kept_range, matrix = self._look
        frame = VideoFrame(*self._size, pixels)
        frame.color_range, frame.colorspace = kept_range, matrix
        planes = _planes_of(frame)
        if source is None:
            fill_all(planes, self._style)
            return frame
        same = source if source.format.name == pixels else source.reformat(format=pixels)
        samples = _planes_of(same)
        planes.y[...], planes.u[...], planes.v[...] = samples.y, samples.u, samples.v
        apply(planes, masks, (*(self._zones or ()), *text), self._style)
        return frame


def _planes_of(frame: VideoFrame) -> Planes:
    """Views into a 4:2:0 picture, without the padding of its lines."""
    views = [
        np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)[: plane.height, : plane.width]
        for plane in frame.planes
    ]
    return Planes(*views)


def _look_of(frame: VideoFrame) -> tuple[str, int, int]:
    """Pixel format, range and matrix that its masked copy gets."""
    return _FULL if frame.format.name.startswith("yuvj") else _LIMITED, frame.color_range, frame.colorspace


_WHOLE = {
    Doubt.START: Whole.START,
    Doubt.DETECTOR: Whole.DETECTOR,
    Doubt.PICTURE: Whole.PICTURE,
    Doubt.END: Whole.END,
}
