"""The masked picture is the mean of big blocks: light and dark are seen, a face and a letter are not."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from agent.capture.coarse_picture import COLUMNS, ROWS, coarse
from agent.capture.picture import Plane
from agent.formats.check_report_v1 import MASKED_COLUMNS, MASKED_ROWS, masked

BLANK: Plane = np.full((270, 480), 120, np.uint8)


def test_the_grid_is_that_of_the_report() -> None:
    assert (COLUMNS, ROWS) == (MASKED_COLUMNS, MASKED_ROWS)
    digits = coarse(BLANK, 4)
    assert digits == "7" * 40
    assert digits is not None and masked("ch0", digits) is not None


def test_each_block_is_the_mean_of_its_place() -> None:
    luma = BLANK.copy()
    luma[:54, :60] = 255
    luma[216:, 420:] = 0
    digits = coarse(luma, 2)
    assert digits is not None
    assert (digits[0], digits[1], digits[-1], digits[-2]) == ("f", "7", "0", "7")


@pytest.mark.parametrize("shape", [(5, 8), (270, 480), (240, 320), (270, 203)], ids=str)
def test_every_size_gives_as_many_digits(shape: tuple[int, int]) -> None:
    digits = coarse(np.full(shape, 200, np.uint8), 3)
    assert digits == "c" * 40


@pytest.mark.parametrize(
    ("luma", "level"), [(BLANK, 5), (BLANK[:4], 4), (BLANK[:, :7], 4)], ids=["level-5", "low", "narrow"]
)
def test_nothing_is_made_of_level_5_or_of_a_picture_smaller_than_the_grid(luma: Plane, level: int) -> None:
    assert coarse(luma, level) is None


def test_two_names_written_into_a_picture_differ_by_a_shade_at_most() -> None:
    """White text of a tenth of the picture's height on grey, as overlays have it: no letter has a shape."""

    def with_name(name: str) -> list[int]:
        luma = BLANK.copy()
        cv2.putText(luma, name, (20, 60), cv2.FONT_HERSHEY_SIMPLEX, 0.9, 255, 2)
        return [int(digit, 16) for digit in coarse(luma, 4) or ""]

    pairs = zip(with_name("ZHANG SAN"), with_name("WANG XIAO"), strict=True)
    assert max(abs(one - other) for one, other in pairs) <= 1


def test_a_face_that_fills_the_picture_is_a_handful_of_blocks() -> None:
    """Eyes and mouth are no separate blocks, even in a close-up that nobody plans."""
    luma = BLANK.copy()
    cv2.ellipse(luma, (240, 135), (95, 130), 0, 0, 360, 190, -1)
    face = coarse(luma, 4)
    for eye in ((205, 105), (275, 105)):
        cv2.circle(luma, eye, 9, 30, -1)
    cv2.ellipse(luma, (240, 190), (35, 9), 0, 0, 180, 60, -1)
    with_features = coarse(luma, 4)
    assert face is not None and with_features is not None
    steps = [abs(int(one, 16) - int(other, 16)) for one, other in zip(face, with_features, strict=True)]
    assert max(steps) <= 1
