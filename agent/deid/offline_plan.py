"""The first pass over a film: what to mask on each frame, faces and text, and which frames are in doubt.

Guarantees: one entry for every frame that was decoded; a frame that nobody could look at, for faces or for
text, is in doubt. Nothing is written. Leaves out masking and encoding (`offline.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from agent.deid.boxes import Box
from agent.deid.detector_profiles import DetectorProfile, at_rate
from agent.deid.faces import FaceDetector
from agent.deid.onnx_session import input_size
from agent.deid.pictures import FilmFacts, Picture, PictureReader
from agent.deid.policy import track_settings
from agent.deid.text import TextDetector
from agent.deid.text_model import text_profile
from agent.deid.text_rules import DeviceText, text_duty
from agent.deid.text_watch import TextWatch, text_settings
from agent.deid.tracks import Doubt, FrameMask, MaskPlanner
from agent.formats.deid_policy_v1 import DeidPolicy
from agent.model.errors import AgentError, Refuse

# (pass, frame counted from 1, frames or 0 when nobody knows)
Progress = Callable[[int, int, int], None]


def no_progress(_pass: int, _frame: int, _frames: int) -> None:
    """Shows nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Faces and text of each frame: `text` is None where nobody knows. `known`: somebody knows where the
    device writes. `counts`: (frame, faces) of each frame looked at. `failures`: codes of a detector's errors.
    """

    facts: FilmFacts
    masks: tuple[FrameMask, ...]
    text: tuple[tuple[Box, ...] | None, ...]
    zones: tuple[Box, ...]
    known: bool
    asked: int
    counts: tuple[tuple[int, int], ...]
    failures: tuple[str, ...]
    text_asked: int
    text_boxes: int
    text_failures: tuple[str, ...]
    lost_packets: int

    def why_whole(self, number: int, *, readable: bool) -> str | None:
        """Why frame `number` is filled whole: a `Doubt`, `device` or `text`; None when only in part."""
        if number >= len(self.masks) or not readable:
            return Doubt.PICTURE
        if self.masks[number].doubt is not None:
            return self.masks[number].doubt
        if not self.known:
            return "device"
        return "text" if self.text[number] is None else None


def look(
    source: Path,
    policy: DeidPolicy,
    detector: FaceDetector,
    profile: DetectorProfile,
    *,
    text: TextDetector | None = None,
    device: DeviceText | None = None,
    progress: Progress = no_progress,
) -> Plan:
    """The plan for `source`. Raises `Refuse` `deid.no-text-detector`, and what reading raises."""
    with PictureReader(source) as reader:
        duty = text_duty(policy, device, reader.facts.size)
        if duty.find and text is None:
            raise Refuse(
                "deid.no-text-detector",
                "the policy wants text to be found, and there is no text detector",
                "run edgeward models install, or write text = false and a [[zone]] over each place of text",
            )
        faces = _FaceWatch(policy, detector, at_rate(profile, reader.facts.rate), reader.facts)
        settings = text_settings(text_profile(policy.detector), reader.facts.rate, both_ways=True)
        watch = TextWatch(text, reader.facts.size, settings) if duty.find and text is not None else None
        last: Picture | None = None
        for last in reader.pictures():
            progress(1, last.number + 1, reader.announced)
            faces.frame(last)
            if watch is not None:
                watch.look(last.number, last)
        if last is not None:  # so that nothing is in doubt only because the film ends
            faces.last(last)
            if watch is not None and watch.newest < last.number:
                watch.look_now(last.number, last)
        masks = faces.finish()
        return Plan(
            facts=reader.facts,
            masks=masks,
            text=tuple(() if watch is None else watch.boxes(number) for number in range(len(masks))),
            zones=duty.zones,
            known=duty.known,
            asked=len(faces.counts) + len(faces.failures),
            counts=tuple(faces.counts),
            failures=tuple(faces.failures),
            text_asked=0 if watch is None else watch.asked,
            text_boxes=0 if watch is None else watch.found,
            text_failures=() if watch is None else tuple(watch.failures),
            lost_packets=reader.lost_packets,
        )


class _FaceWatch:
    """Asks the detector on each n-th frame and tells the planner."""

    def __init__(
        self, policy: DeidPolicy, detector: FaceDetector, profile: DetectorProfile, facts: FilmFacts
    ) -> None:
        self._planner = MaskPlanner(track_settings(policy, profile, facts.rate))
        self._detector = detector
        self._profile = profile
        self._size = facts.size
        self._masks: list[FrameMask] = []
        self.counts: list[tuple[int, int]] = []
        self.failures: list[str] = []

    def frame(self, picture: Picture) -> None:
        """The next one."""
        self._masks += self._planner.frame(picture.number, readable=picture.readable)
        if picture.number % self._profile.every == 0:
            self._ask(picture)

    def last(self, picture: Picture) -> None:
        """It was the last one."""
        if picture.number % self._profile.every:
            self._ask(picture)

    def finish(self) -> tuple[FrameMask, ...]:
        """All masks."""
        self._masks += self._planner.finish()
        return tuple(self._masks)

    def _ask(self, picture: Picture) -> None:
        found = self._find(picture)
        if isinstance(found, str):
            self.failures.append(found)
            self._planner.failed(picture.number)
        else:
            self.counts.append((picture.number, len(found)))
            self._planner.found(picture.number, found)

    def _find(self, picture: Picture) -> tuple[Box, ...] | str:
        """The faces in pixels of the film, or the code of why nobody knows."""
        if not picture.readable:
            return "deid.picture"
        seen = input_size(self._size, self._profile.side)
        try:
            faces = self._detector.find(picture.rgb(seen))
        except AgentError as error:
            return error.code
        across, down = self._size[0] / seen[0], self._size[1] / seen[1]
        boxes = (face.box for face in faces)
        return tuple(
            Box(box.left * across, box.top * down, box.right * across, box.bottom * down) for box in boxes
        )
