"""What the map of the text network means, and what a broken model or picture does."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from agent.deid.boxes import Box
from agent.deid.onnx_session import input_size
from agent.deid.text import PpOcr, boxes_of
from agent.deid.text_model import TEXT, TEXT_PROFILES, prepare_text, text_profile
from agent.model.errors import Refuse
from tests.fakes.onnx_models import small_model


def chances(*cores: tuple[int, int, int, int, float]) -> NDArray[np.float32]:
    """A map with cores (left, top, width, height, probability)."""
    found = np.zeros((64, 96), np.float32)
    for left, top, width, height, value in cores:
        found[top : top + height, left : left + width] = value
    return found


def test_a_core_grows_by_area_over_perimeter_on_all_sides() -> None:
    [box] = boxes_of(chances((20, 30, 40, 4, 0.9)))
    grown = 40 * 4 * 2.2 / (2 * (40 + 4))
    assert box == Box(20 - grown, 30 - grown, 60 + grown, 34 + grown)


def test_each_line_has_its_box_and_what_is_unsure_or_tiny_has_none() -> None:
    found = boxes_of(
        chances((2, 4, 30, 4, 0.8), (2, 20, 30, 4, 0.3), (2, 40, 2, 2, 0.9), (50, 4, 30, 4, 0.5))
    )
    assert [round(box.left + box.width / 2) for box in found] == [17, 65]
    assert boxes_of(chances()) == ()


def test_the_cut_keeps_the_weak_edge_of_a_sure_core() -> None:
    """Errs on the large side: pixels of 0.25 beside a core of 0.9 belong to it."""
    [box] = boxes_of(chances((20, 30, 40, 4, 0.25), (24, 30, 32, 4, 0.9)))
    assert box.left < 20 < 60 < box.right


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_numbers_that_are_none_are_no_answer(value: float) -> None:
    with pytest.raises(Refuse) as caught:
        boxes_of(chances((5, 5, 2, 2, value)))
    assert caught.value.code == "deid.text-detector"


def test_text_everywhere_is_no_answer() -> None:
    dots = np.zeros((200, 200), np.float32)
    dots[::4, ::4] = 1
    with pytest.raises(Refuse) as caught:
        boxes_of(dots)
    assert caught.value.code == "deid.text-detector"


def test_bytes_that_are_no_model_are_refused() -> None:
    with pytest.raises(Refuse) as caught:
        PpOcr(b"no model")
    assert caught.value.code == "deid.text-detector"


def test_a_model_for_something_else_gives_no_answer() -> None:
    detector = PpOcr(small_model())
    with pytest.raises(Refuse) as caught:
        detector.find(np.zeros((32, 32, 3), np.uint8))
    assert caught.value.code == "deid.text-detector"


@pytest.mark.parametrize(
    ("size", "side", "seen"),
    [((1920, 1080), 960, (960, 544)), ((1920, 1080), 640, (640, 384)), ((320, 240), 960, (320, 256))],
)
def test_the_picture_is_scaled_down_to_steps_of_32(
    size: tuple[int, int], side: int, seen: tuple[int, int]
) -> None:
    assert input_size(size, side) == seen


def test_the_model_runs_as_it_comes() -> None:
    assert prepare_text(b"bytes") == b"bytes"
    assert TEXT.file_hash == TEXT.member_hash


def test_every_detector_profile_has_a_text_profile_that_looks_at_least_every_two_seconds() -> None:
    assert [profile.name for profile in TEXT_PROFILES] == ["live", "careful"]
    for profile in TEXT_PROFILES:
        assert text_profile(profile.name) is profile
        assert profile.every_s <= 2
        assert min(profile.before_s, profile.after_s) >= profile.every_s
