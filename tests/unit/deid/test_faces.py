"""What the heads of the network mean, which boxes are one face, and what a broken model or picture does."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from agent.deid.boxes import Box
from agent.deid.detector_profiles import DETECTOR_PROFILES, at_rate, detector_profile
from agent.deid.faces import OUTPUTS, CenterFace, Face, Heads, decode, overlap_share, suppressed
from agent.deid.onnx_graph import prepare
from agent.deid.onnx_int8 import in_8_bits
from agent.deid.onnx_session import input_size
from agent.model.errors import Refuse
from tests.fakes.conv_models import RANGES, conv_model


def heads(rows: int = 8, columns: int = 10) -> tuple[Heads, Heads, Heads]:
    return (
        np.zeros((1, 1, rows, columns), np.float32),
        np.zeros((1, 2, rows, columns), np.float32),
        np.zeros((1, 2, rows, columns), np.float32),
    )


def test_a_cell_is_four_pixels_and_the_vertical_comes_first() -> None:
    heat, scale, offset = heads()
    heat[0, 0, 2, 5] = 0.9
    scale[0, :, 2, 5] = np.log([6, 3])  # 24 high, 12 wide
    offset[0, :, 2, 5] = (0.25, -0.5)  # a pixel down, two to the left
    [face] = decode(heat, scale, offset, 0.15)
    # The middle of cell 5 is 4 * 5.5 = 22, of row 2 is 10.
    assert (face.box.left, face.box.right) == pytest.approx((20 - 6, 20 + 6), abs=1e-4)
    assert (face.box.top, face.box.bottom) == pytest.approx((11 - 12, 11 + 12), abs=1e-4)
    assert face.score == pytest.approx(0.9)


def test_scores_at_the_threshold_and_below_are_no_face() -> None:
    heat, scale, offset = heads()
    heat[0, 0, 0, 0], heat[0, 0, 7, 9] = 0.5, 0.75
    assert [face.score for face in decode(heat, scale, offset, 0.5)] == [0.75]


@pytest.mark.parametrize("head", [0, 1, 2])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_numbers_that_are_none_are_no_answer(head: int, value: float) -> None:
    found = heads()
    found[head][0, 0, 3, 3] = value
    with pytest.raises(Refuse) as caught:
        decode(*found, 0.15)
    assert caught.value.code == "deid.detector"


def test_an_absurd_size_is_a_large_box_and_no_overflow() -> None:
    heat, scale, offset = heads()
    heat[0, 0, 1, 1], scale[0, :, 1, 1] = 0.9, 1e6
    [face] = decode(heat, scale, offset, 0.15)
    assert face.box.width > 10_000
    assert np.isfinite(face.box.width)


def test_of_two_boxes_over_one_face_the_surer_stays() -> None:
    sure, same, other = Box(0, 0, 20, 20), Box(4, 0, 24, 20), Box(15, 0, 35, 20)
    faces = (Face(same, 0.4), Face(other, 0.3), Face(sure, 0.9))
    # `same` overlaps `sure` by 2/3; `other` overlaps `sure` by 1/7 and only the suppressed one by more.
    assert suppressed(faces) == (Face(sure, 0.9), Face(other, 0.3))
    assert suppressed(()) == ()


def test_overlap_is_the_shared_part_of_all() -> None:
    assert overlap_share(Box(0, 0, 10, 10), Box(0, 0, 10, 10)) == 1
    assert overlap_share(Box(0, 0, 10, 10), Box(5, 0, 15, 10)) == pytest.approx(1 / 3)
    assert overlap_share(Box(0, 0, 10, 10), Box(10, 0, 20, 10)) == 0
    assert overlap_share(Box(0, 0, 10, 10), Box(30, 30, 40, 40)) == 0


@pytest.mark.parametrize(
    ("size", "side", "seen"),
    [
        ((1920, 1080), 640, (640, 384)), ((1920, 1080), 960, (960, 544)), ((1080, 1920), 640, (384, 640)),
        ((320, 240), 960, (320, 256)), ((16, 16), 640, (32, 32)), ((3840, 2160), 960, (960, 544)),
    ],
)  # fmt: skip
def test_the_picture_is_scaled_down_to_steps_of_32(
    size: tuple[int, int], side: int, seen: tuple[int, int]
) -> None:
    assert input_size(size, side) == seen


def test_bytes_that_are_no_model_are_refused() -> None:
    with pytest.raises(Refuse) as caught:
        CenterFace(b"no model", detector_profile("live"))
    assert caught.value.code == "deid.detector"


def test_what_the_runtime_can_not_do_is_no_answer() -> None:
    detector = CenterFace(in_8_bits(prepare(conv_model(), OUTPUTS), RANGES), detector_profile("live"))
    assert isinstance(detector.find(np.zeros((32, 32, 3), np.uint8)), tuple)
    with pytest.raises(Refuse) as caught:
        detector.find(np.zeros((32, 32, 4), np.uint8))  # four colours where the model has three
    assert caught.value.code == "deid.detector"


def test_each_profile_says_what_it_misses() -> None:
    assert [profile.name for profile in DETECTOR_PROFILES] == ["live", "careful"]
    for profile in DETECTOR_PROFILES:
        assert profile.dilation >= 1
        assert any("missed" in line for line in profile.limits)


@pytest.mark.parametrize(
    ("rate", "live", "careful"),
    [("25", 2, 3), ("30000/1001", 2, 3), ("10", 1, 1), ("60", 4, 7), ("1", 1, 1)],
)
def test_the_detector_looks_as_often_in_time_at_every_rate(rate: str, live: int, careful: int) -> None:
    found = [at_rate(detector_profile(name), Fraction(rate)).every for name in ("live", "careful")]
    assert found == [live, careful]
