"""De-identifies a film off line in two passes: look at every n-th frame and plan, then mask and encode.

Guarantees: each picture that is encoded was masked by its plan, and one without a plan is filled whole.
When anything fails, the output file is removed. What the detector can't answer (`AgentError`) costs
whole-frame masks; every other error ends the run. Leaves out the policy file, the model (`models.py`) and
the report (`agent/formats/deid_report_v1.py`). The caller checks `check_can_be_done` first, as `deidentify`
does again.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

import numpy as np
from av import error as averror

from agent.deid.boxes import Box
from agent.deid.detector_profiles import DetectorProfile, detector_profile
from agent.deid.faces import FaceDetector, input_size
from agent.deid.masks import Plane, apply, fill_all, planes_of
from agent.deid.pictures import FilmFacts, Picture, PictureReader, PictureWriter
from agent.deid.policy import check_can_be_done, style_of, track_settings, zones_of
from agent.deid.tracks import Doubt, FrameMask, MaskPlanner
from agent.formats.deid_policy_v1 import DeidPolicy
from agent.host.files import create_exclusive, fsync_dir, translate
from agent.model.errors import AgentError, Halt, Refuse


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A mask for each frame. `failures`: codes of the detector's errors. `faces`: found on `asked` frames.
    `most_faces`: for each second of the film the largest number found on one frame.
    """

    facts: FilmFacts
    masks: tuple[FrameMask, ...]
    asked: int
    faces: int
    most_faces: tuple[int, ...]
    failures: tuple[str, ...]
    lost_packets: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What was done. `whole`: frames masked whole, by why. `output_hash`: SHA-256 of the file, in hex."""

    plan: Plan
    frames: int
    masked: int
    whole: dict[Doubt, int]
    output_hash: str


def deidentify(source: Path, output: Path, policy: DeidPolicy, detector: FaceDetector) -> Done:
    """Writes the masked film `source` into the new file `output`.

    Raises `Refuse` (`deid.*`, `file.exists`) and what the disk raises; then there is no `output`.
    """
    check_can_be_done(policy)
    profile = detector_profile(policy.detector)
    before = _state(source)
    plan = look(source, policy, detector, profile)
    fd = create_exclusive(output, 0o600)
    try:
        with os.fdopen(fd, "wb") as target:
            frames = _write(source, target, plan, policy)
            target.flush()
            os.fsync(target.fileno())
        if frames != len(plan.masks) or _state(source) != before:
            raise Refuse("deid.changed", f"{source.name} changed while it was read", "wait until it is whole")
        done = _done(plan, frames, _hash(output))
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


def look(source: Path, policy: DeidPolicy, detector: FaceDetector, profile: DetectorProfile) -> Plan:
    """The first pass: a mask for every frame."""
    with PictureReader(source) as reader:
        facts = reader.facts
        planner = MaskPlanner(track_settings(policy, profile, facts.rate))
        masks: list[FrameMask] = []
        failures: list[str] = []
        counts: list[tuple[int, int]] = []

        def ask(picture: Picture) -> None:
            found = _find(picture, detector, facts.size, profile.side)
            if isinstance(found, str):
                failures.append(found)
                planner.failed(picture.number)
                return
            counts.append((picture.number, len(found)))
            planner.found(picture.number, found)

        last: Picture | None = None
        for last in reader.pictures():
            masks += planner.frame(last.number, readable=last.readable)
            if last.number % profile.every == 0:
                ask(last)
        if last is not None and last.number % profile.every:
            ask(last)  # so that nothing is in doubt only because the film ends
        masks += planner.finish()
        return Plan(
            facts=facts,
            masks=tuple(masks),
            asked=len(counts) + len(failures),
            faces=sum(count for _, count in counts),
            most_faces=_most(counts, len(masks), facts.rate),
            failures=tuple(failures),
            lost_packets=reader.lost_packets,
        )


def _find(
    picture: Picture, detector: FaceDetector, size: tuple[int, int], side: int
) -> tuple[Box, ...] | str:
    """The faces in pixels of the film, or the code of why nobody knows."""
    if not picture.readable:
        return "deid.picture"
    seen = input_size(size, side)
    try:
        faces = detector.find(picture.rgb(seen))
    except AgentError as error:
        return error.code
    across, down = size[0] / seen[0], size[1] / seen[1]
    boxes = (face.box for face in faces)
    return tuple(
        Box(box.left * across, box.top * down, box.right * across, box.bottom * down) for box in boxes
    )


def _write(source: Path, target: BinaryIO, plan: Plan, policy: DeidPolicy) -> int:
    """The second pass; how many frames it wrote."""
    frames = 0
    with PictureReader(source) as reader:
        if reader.facts != plan.facts:
            raise Refuse("deid.changed", f"{source.name} changed while it was read", "wait until it is whole")
        writer = PictureWriter(target, plan.facts)
        try:
            for picture in reader.pictures():
                known = picture.number < len(plan.masks)
                mask = plan.masks[picture.number] if known else None
                writer.write(_masked(picture, mask, plan.facts, policy), picture.pts)
                frames += 1
        except BaseException:
            writer.abandon()
            raise
        writer.close()
    return frames


def _masked(picture: Picture, mask: FrameMask | None, facts: FilmFacts, policy: DeidPolicy) -> Plane:
    width, height = facts.size
    style = style_of(policy)
    if mask is None or mask.doubt is not None or not picture.readable:
        packed: Plane = np.empty((height * 3 // 2, width), dtype=np.uint8)
        fill_all(planes_of(packed, facts.size), style)
        return packed
    packed = picture.packed(facts.look.pixels)
    apply(planes_of(packed, facts.size), mask.boxes, zones_of(policy, facts.size), style)
    return packed


def _done(plan: Plan, frames: int, output_hash: str) -> Done:
    whole = Counter(mask.doubt for mask in plan.masks if mask.doubt is not None)
    masked = sum(1 for mask in plan.masks if mask.doubt is not None or mask.boxes)
    return Done(
        plan=plan,
        frames=frames,
        masked=masked,
        whole={doubt: whole[doubt] for doubt in Doubt},
        output_hash=output_hash,
    )


def _most(counts: Sequence[tuple[int, int]], frames: int, rate: Fraction) -> tuple[int, ...]:
    """For each second of `frames` frames the largest of the (frame, count) in it."""
    most = [0] * (int((frames - 1) / rate) + 1)
    for number, count in counts:
        most[int(number / rate)] = max(most[int(number / rate)], count)
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
