"""Reports of a de-identification, version 1 (docs/formats/deid-report-v1.md): frozen values to JSON bytes.

Guarantees: every key is always there; no name of a file, nothing of the source but its counts. Leaves out a
signature: the ledger's leaf of a derivative will name this file's hash.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

FORMAT = "edgeward-deid-report-v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyReport:
    """Which policy, by the SHA-256 of its file, and who approved it when and where."""

    id: str
    version: int
    sha256: str
    purpose: str
    approved_by: str
    approved_on: str
    approved_reference: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelReport:
    """A model by name, version and the SHA-256 of the bytes that ran."""

    name: str
    version: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorReport:
    """How faces were looked for; `every`: on each n-th frame, `side`: at this size in pixels."""

    profile: str
    side: int
    every: int
    threshold: float
    dilation: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameReport:
    """`seen` frames came and were written, `masked` of them have a face mask or are masked whole, by why."""

    seen: int
    masked: int
    whole_start: int
    whole_detector: int
    whole_picture: int
    whole_end: int
    lost_packets: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FaceReport:
    """`asked`: frames that the detector saw or failed on. `boxes`: faces that it found on all of them.
    `boxes_per_second`: for each second of the film the largest number on one frame.
    """

    asked: int
    failed: int
    boxes: int
    boxes_per_second: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeidReport:
    """The whole file. `removed`: what is gone besides faces; `limits`: what may be missed, in words."""

    tool: str
    tool_version: str
    policy: PolicyReport
    models: tuple[ModelReport, ...]
    detector: DetectorReport
    width: int
    height: int
    rate: str
    frames: FrameReport
    faces: FaceReport
    zones: int
    removed: tuple[str, ...]
    limits: tuple[str, ...]
    output_sha256: str


def encode(report: DeidReport) -> bytes:
    """JSON in UTF-8, two spaces deep, with a line feed at the end."""
    return (json.dumps({"format": FORMAT, **asdict(report)}, ensure_ascii=False, indent=2) + "\n").encode()
