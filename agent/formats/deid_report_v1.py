"""Reports of a de-identification, version 1 (docs/formats/deid-report-v1.md): frozen values to JSON bytes.

Guarantees: every key is always there; no name of a file, nothing of the source but its counts, and for
`newtech` not even those over the whole film (None). Leaves out
the signature (`agent/runtime/deid_report.py`): it is a note beside this file.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

FORMAT = "edgeward-deid-report-v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyReport:
    """Which policy, by the SHA-256 of its file, and who approved it when and where. `approval`: `signed` when
    `signed_by` (an operator's key in the box's configuration) signed it, `stated` when only the file says so.
    """

    id: str
    version: int
    sha256: str
    purpose: str
    approved_by: str
    approved_on: str
    approved_reference: str
    approval: str
    signed_by: str | None


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
    """`written` frames, `masked` of them with a face mask or masked whole, by why; `dropped` by the engine,
    which off line drops none.
    """

    written: int
    dropped: int
    masked: int
    whole_start: int
    whole_detector: int
    whole_picture: int
    whole_end: int
    whole_text: int
    whole_device: int
    lost_packets: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FaceReport:
    """`asked`: written frames that the detector answered on. `failed`: looks without an answer. `boxes`:
    faces found on all of them. `boxes_per_second`: for each second the largest number on one frame.
    """

    asked: int
    failed: int | None
    boxes: int
    boxes_per_second: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TextReport:
    """How text was looked for, if it was: each `every_s` seconds at `sides`; `boxes` found on all looks."""

    looked_for: bool
    sides: tuple[int, ...]
    every_s: float
    asked: int | None
    failed: int | None
    boxes: int | None
    device: str | None
    zones: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyReport:
    """What a study kept: its reference and field in pixels of the original, and at most how many seconds."""

    reference: str
    field: tuple[int, int, int, int]
    longest_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DicomCode:
    """A de-identification method of DICOM PS3.16, context group 7050."""

    code: str
    meaning: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeidReport:
    """The whole file. `id` is random. `removed`: what is gone besides faces; `limits`: what may be missed, in
    words. `link_sha256`: of the sealed link, where there is one.
    """

    id: str
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
    text: TextReport
    study: StudyReport | None
    dicom: tuple[DicomCode, ...]
    link_sha256: str | None
    removed: tuple[str, ...]
    limits: tuple[str, ...]
    output_sha256: str


def encode(report: DeidReport) -> bytes:
    """JSON in UTF-8, two spaces deep, with a line feed at the end."""
    return (json.dumps({"format": FORMAT, **asdict(report)}, ensure_ascii=False, indent=2) + "\n").encode()
