"""De-identifies a film off line in two passes: look at every n-th frame and plan, then mask and encode.

Guarantees: each picture that is encoded was masked by its plan, and one without a plan is filled whole.
When anything fails, the output file is removed. What a detector can't answer (`AgentError`) costs
whole-frame masks; every other error ends the run. Leaves out the policy file, the models (`models.py`), the
plan (`offline_plan.py`) and the report (`agent/formats/deid_report_v1.py`). The caller checks
`check_can_be_done` first, as `deidentify` does again.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

import numpy as np
from av import error as averror

from agent.deid.boxes import Area
from agent.deid.detector_profiles import detector_profile
from agent.deid.faces import FaceDetector
from agent.deid.masks import MaskStyle, Plane, apply, cropped, fill_all, planes_of
from agent.deid.offline_plan import Plan, Progress, look, no_progress
from agent.deid.pictures import FilmFacts, Picture, PictureReader, PictureWriter
from agent.deid.policy import check_can_be_done, style_of
from agent.deid.purposes import Window, field_of, keeps_times
from agent.deid.text import TextDetector
from agent.deid.text_rules import DeviceText
from agent.deid.tracks import Doubt
from agent.formats.deid_policy_v1 import DeidPolicy
from agent.host.files import create_exclusive, fsync_dir, translate
from agent.model.errors import Halt, Refuse


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What was done. `frames` were written, `masked` of them have a face mask or are masked whole: `whole` by
    why, `whole_text` since nobody looked for text close by, `whole_device` since nobody knows where the
    device writes. `outside` the time window were not written. `asked`, `faces`, `most_faces`: frames among
    the written ones that were looked at, faces found on them, and for each second the largest number on one.
    `output_hash`: SHA-256 of the file, in hex.
    """

    plan: Plan
    size: tuple[int, int]
    frames: int
    outside: int
    masked: int
    whole: dict[Doubt, int]
    whole_text: int
    whole_device: int
    asked: int
    faces: int
    most_faces: tuple[int, ...]
    output_hash: str


@dataclass(slots=True)
class _Written:
    """What the second pass has done so far. `numbers`: the first and last frame that was written."""

    read: int = 0
    frames: int = 0
    masked: int = 0
    numbers: list[int] = field(default_factory=list)
    whole: Counter[str] = field(default_factory=Counter)


def deidentify(
    source: Path,
    output: Path,
    policy: DeidPolicy,
    detector: FaceDetector,
    *,
    text: TextDetector | None = None,
    device: DeviceText | None = None,
    window: Window | None = None,
    progress: Progress = no_progress,
) -> Done:
    """Writes the masked film `source` into the new file `output`. `text`: needed when the policy wants text
    found. `device`: what is known of the film's device. `window`: what a study keeps.

    Raises `Refuse` (`deid.*`, `file.exists`) and what the disk raises; then there is no `output`.
    """
    check_can_be_done(policy)
    before = _state(source)
    plan = look(
        source,
        policy,
        detector,
        detector_profile(policy.detector),
        text=text,
        device=device,
        progress=progress,
    )
    area = field_of(policy, plan.facts.size)
    fd = create_exclusive(output, 0o600)
    try:
        with os.fdopen(fd, "wb") as target:
            written = _write(source, target, plan, policy, area, window, progress)
            target.flush()
            os.fsync(target.fileno())
        if written.read != len(plan.masks) or _state(source) != before:
            raise Refuse("deid.changed", f"{source.name} changed while it was read", "wait until it is whole")
        if not written.frames:
            raise Refuse(
                "deid.window", "no picture lies in the time window", "compare it with the film's length"
            )
        done = _done(plan, written, area, _hash(output))
        fsync_dir(output.parent)
    except BaseException as error:
        output.unlink(missing_ok=True)
        if isinstance(error, OSError) and not isinstance(error, averror.FFmpegError):
            raise translate(error, output, "writing") from error
        if isinstance(error, averror.FFmpegError):
            raise Halt(
                "deid.encoder", f"encoding {output.name} failed: {error.strerror}", "see the log"
            ) from None
        raise
    return done


def _write(
    source: Path,
    target: BinaryIO,
    plan: Plan,
    policy: DeidPolicy,
    area: Area | None,
    window: Window | None,
    progress: Progress,
) -> _Written:
    """The second pass."""
    written = _Written()
    facts = plan.facts
    style = style_of(policy)
    with PictureReader(source) as reader:
        if reader.facts != facts:
            raise Refuse("deid.changed", f"{source.name} changed while it was read", "wait until it is whole")
        size = facts.size if area is None else (area.right - area.left, area.bottom - area.top)
        writer = PictureWriter(target, replace(facts, size=size))
        first: int | None = None
        try:
            for picture in reader.pictures():
                written.read += 1
                progress(2, written.read, len(plan.masks))
                first = picture.pts if first is None else first
                if window is not None and not window.holds(_second(picture, first, facts)):
                    continue
                packed = _masked(picture, plan, style, written)
                even = round(Fraction(written.frames) / facts.rate / facts.time_base)
                pts = picture.pts if keeps_times(policy) else even
                writer.write(packed if area is None else cropped(packed, facts.size, area), pts)
                written.frames += 1
                written.numbers = [*written.numbers[:1], picture.number]
        except BaseException:
            writer.abandon()
            raise
        writer.close()
    return written


def _masked(picture: Picture, plan: Plan, style: MaskStyle, written: _Written) -> Plane:
    """The picture's samples after masking; counts what was done."""
    facts = plan.facts
    why = plan.why_whole(picture.number, readable=picture.readable)
    if why is not None:
        written.whole[why] += 1
        written.masked += 1
        width, height = facts.size
        packed: Plane = np.empty((height * 3 // 2, width), dtype=np.uint8)
        fill_all(planes_of(packed, facts.size), style)
        return packed
    faces, fills = plan.masks[picture.number].boxes, (*plan.zones, *(plan.text[picture.number] or ()))
    packed = picture.packed(facts.look.pixels)
    apply(planes_of(packed, facts.size), faces, fills, style)
    written.masked += 1 if faces else 0
    return packed


def _second(picture: Picture, first: int | None, facts: FilmFacts) -> Fraction:
    """When the picture is shown, in seconds after the first one."""
    if picture.pts is None or first is None:
        return picture.number / facts.rate
    return (picture.pts - first) * facts.time_base


def _done(plan: Plan, written: _Written, area: Area | None, output_hash: str) -> Done:
    size = plan.facts.size if area is None else (area.right - area.left, area.bottom - area.top)
    first, last = written.numbers[0], written.numbers[-1]
    counts = [(number, count) for number, count in plan.counts if first <= number <= last]
    return Done(
        plan=plan,
        size=size,
        frames=written.frames,
        outside=written.read - written.frames,
        masked=written.masked,
        whole={doubt: written.whole[doubt] for doubt in Doubt},
        whole_text=written.whole["text"],
        whole_device=written.whole["device"],
        asked=len(counts),
        faces=sum(count for _, count in counts),
        most_faces=_most(counts, first, last, plan.facts.rate),
        output_hash=output_hash,
    )


def _most(counts: Sequence[tuple[int, int]], first: int, last: int, rate: Fraction) -> tuple[int, ...]:
    """For each second of the frames `first` to `last` the largest of the (frame, count) in it."""
    most = [0] * (int((last - first) / rate) + 1)
    for number, count in counts:
        second = int((number - first) / rate)
        most[second] = max(most[second], count)
    return tuple(most)


def _state(path: Path) -> tuple[int, int, int]:
    """What changes when somebody writes the file."""
    try:
        status = path.stat()
    except OSError as error:
        text = f"{path.name} can't be read: {error.strerror or type(error).__name__}"
        raise Refuse("deid.source", text, "check its path") from None
    return status.st_ino, status.st_size, status.st_mtime_ns


def _hash(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
