"""The real text model on some of the overlays of tests/bench/deid_text.py: letters covered, nothing readable.

The whole table is the bench's (docs/deid.md, Text); these overlays are one of each size, language and ground.
"""

from __future__ import annotations

import pytest

from agent.deid.models import load
from agent.deid.text import PpOcr
from agent.deid.text_model import TEXT, TEXT_PROFILES, TextProfile, text_profile
from tests.bench.deid_text import READ_FROM, Result, measured, reads, same_run
from tests.conftest import MODELS
from tests.fakes.overlays import SIZES, overlay

# 32 overlays are every size in every language on every ground, once.
SOME = range(len(SIZES) * 4)
LARGE = [number for number in SOME if SIZES[number % len(SIZES)] >= READ_FROM]


@pytest.fixture(scope="module")
def detector() -> PpOcr:
    return PpOcr(load(MODELS, TEXT))


@pytest.mark.requires("text model", "tesseract")
@pytest.mark.parametrize("profile", TEXT_PROFILES, ids=lambda profile: profile.name)
@pytest.mark.parametrize("number", LARGE[::4])
def test_large_letters_are_covered_and_can_not_be_read(
    number: int, profile: TextProfile, detector: PpOcr
) -> None:
    result: Result = measured(overlay(number), detector, profile)
    assert result.covered == 1
    assert result.after is False
    assert result.area < 0.1  # it found the line, and not all of the picture


@pytest.mark.requires("text model", "tesseract")
def test_small_letters_are_covered_by_the_careful_profile(detector: PpOcr) -> None:
    small = [number for number in SOME if number not in LARGE][::5]
    for number in small:
        assert measured(overlay(number), detector, text_profile("careful")).covered > 0.95, number


@pytest.mark.requires("tesseract")
def test_the_ocr_reads_what_is_not_covered() -> None:
    """Else the test above would say nothing: of three large lines it must read two."""
    assert sum(reads(overlay(number).picture, overlay(number)) for number in (4, 12, 7)) >= 2


@pytest.mark.parametrize(
    ("text", "said", "same"),
    [
        ("姓名：张建国 男", "建国", True), ("姓名：张建国 男", "建 国", True), ("姓名：张国", "国", False),
        ("Name: ROSSI, ANNA", "rossi", True), ("Name: ROSSI", "ros", True), ("Name: ROSSI", "ro", False),
        ("ID 123456 IVAN", "x234y", True), ("ID 123456 IVAN", "", False),
    ],
)  # fmt: skip
def test_what_counts_as_read(text: str, said: str, same: bool) -> None:
    assert same_run(text, said) is same
