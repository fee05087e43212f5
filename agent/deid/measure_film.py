"""Measures the engine's own masks on a film against an annotation, one detector profile after the other.

Guarantees: the masks are those that `edgeward deid` would write under the policy, found by the same first
pass; only faces count: zones and text are left out, so that nothing else covers a face by chance. A film or
annotation that don't belong together are `Refuse` `deid.annotation-film`. Nothing is written. Leaves out
the second pass, and the arithmetic (`measure.py`).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from agent.deid.detector_profiles import DetectorProfile
from agent.deid.faces import FaceDetector
from agent.deid.measure import Measurement, Tally, cover_of
from agent.deid.offline_plan import look
from agent.formats.deid_policy_v1 import DeidPolicy
from agent.formats.face_annotation_v1 import FaceAnnotation
from agent.model.errors import Refuse


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileMeasurement:
    """`whole`: of the compared frames, those masked whole because of doubt, where faces count as covered."""

    profile: DetectorProfile
    found: Measurement
    whole: int
    failures: int


def measure_film(
    film: Path,
    annotation: FaceAnnotation,
    policy: DeidPolicy,
    detector: FaceDetector,
    profile: DetectorProfile,
) -> ProfileMeasurement:
    """How `profile` does on `film`. Raises `Refuse` `deid.annotation-film` and what reading raises."""
    check_film(film, annotation)
    faces_only = policy.model_copy(update={"detector": profile.name, "text": False, "zone": ()})
    plan = look(film, faces_only, detector, profile)
    size = (annotation.width, annotation.height)
    if plan.facts.size != size or annotation.frames[-1].number >= len(plan.masks):
        raise _another(film)
    tally, whole = Tally(), 0
    for frame in annotation.frames:
        mask = plan.masks[frame.number]
        if mask.doubt is not None:
            whole += 1
            tally.add(frame, np.ones((annotation.height, annotation.width), np.bool_))
        else:
            tally.add(frame, cover_of(mask.boxes, size))
    return ProfileMeasurement(profile=profile, found=tally.result(), whole=whole, failures=len(plan.failures))


def check_film(film: Path, annotation: FaceAnnotation) -> None:
    """Raises `Refuse` `deid.annotation-film` when the annotation is of another film."""
    try:
        with film.open("rb") as stream:
            found = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        text = f"{film.name} can't be read: {error.strerror or type(error).__name__}"
        raise Refuse("deid.source", text, "check its path") from None
    if found != annotation.film_sha256:
        raise _another(film)


def _another(film: Path) -> Refuse:
    return Refuse(
        "deid.annotation-film",
        f"the annotation was made for another film than {film.name}",
        "take the film that was annotated: its SHA-256 is in the annotation",
    )
