"""Names inside a vault: one spelling for each number, and nothing else is taken for a segment."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.model.ids import RecordingId
from agent.vault.layout import recording_dir, segment_name, segment_number


def test_names_are_those_of_the_format() -> None:
    assert segment_name(0) == "00000000.mp4.age"
    assert segment_name(12_345_678) == "12345678.mp4.age"
    assert recording_dir(Path("/v"), RecordingId("r")) == Path("/v/recordings/r")


@given(st.integers(0, 99_999_999))
def test_a_number_comes_back_from_its_name(number: int) -> None:
    assert segment_number(segment_name(number)) == number


@pytest.mark.parametrize(
    "name",
    ["", "0.mp4.age", "000000000.mp4.age", "00000000.mp4", "00000000.mp4.age.new", "x00000000.mp4.age",
     "00000000.MP4.age", "0000000a.mp4.age", "-0000001.mp4.age", "٠٠٠٠٠٠٠٠.mp4.age", "capsule.age",
     "00000000.mp4.age\n", "00000000\n.mp4.age"],
)  # fmt: skip
def test_other_names_are_no_segments(name: str) -> None:
    assert segment_number(name) is None
