"""The masker of a running stream: one look-ahead behind, each picture once, new samples only."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from agent.deid.detector_profiles import detector_profile
from agent.deid.faces import Face
from agent.deid.live import LiveMasker, Masked, Whole
from agent.deid.live_decoder import Decoded
from agent.deid.policy import track_settings
from agent.deid.tracks import Doubt
from tests.fakes.derived_films import LIVE, POLICY
from tests.fakes.face_films import (
    NEUTRAL,
    SIDE,
    SIZE,
    Place,
    RedDetector,
    most_red,
    picture,
    policy,
    walking,
)

RATE = Fraction(25)
LOOK_AHEAD = track_settings(LIVE, detector_profile("live"), RATE).look_ahead


def came(
    number: int, place: Place = None, *, readable: bool = True, frame: VideoFrame | None = None
) -> Decoded:
    return Decoded(frame or picture(number, place), number, number * 1000, readable)


def masker(detector: RedDetector | None = None, rate: Fraction = RATE) -> LiveMasker:
    return LiveMasker(LIVE, detector or RedDetector(), size=SIZE, rate=rate, zones=())


def all_of(
    made: LiveMasker,
    frames: int,
    place: Callable[[int], Place] = walking,
    keep: Callable[[int], bool] = lambda _: True,
) -> list[Masked]:
    found: list[Masked] = []
    for number in range(frames):
        found += made.take(came(number, place(number)), keep=keep(number))
    return found + made.finish()


def red_of(masked: Masked) -> int:
    assert masked.frame is not None
    return most_red(masked.frame.to_ndarray(format="yuv420p").astype(np.uint8))


def test_pictures_wait_for_what_is_found_after_them() -> None:
    made = masker()
    waiting = [len(made.take(came(number, walking(number)), keep=True)) for number in range(20)]
    assert waiting == [0] * LOOK_AHEAD + [1] * (20 - LOOK_AHEAD)
    assert len(made.finish()) == LOOK_AHEAD


def test_each_picture_comes_once_in_order_with_its_times_and_without_its_face() -> None:
    found = all_of(masker(), 60)
    assert [one.pts for one in found] == list(range(60))
    assert [one.arrived_ns for one in found] == [number * 1000 for number in range(60)]
    assert all(red_of(one) < NEUTRAL for one in found)
    assert [one.faces for one in found[:4]] == [1, None, 1, None]


def test_a_face_is_masked_before_it_was_first_found() -> None:
    def seen(number: int) -> Place:
        return (100, 70) if number >= 30 else None

    class Late(RedDetector):
        """Does not see the face on the first frames that show it."""

        def find(self, rgb: NDArray[np.uint8]) -> tuple[Face, ...]:
            found = super().find(rgb)
            return found if self.calls > 18 else ()  # the 19th call is for frame 36

    found = all_of(masker(Late()), 60, seen)
    assert all(red_of(one) < NEUTRAL for one in found)
    assert found[29].whole is None and found[29].masks == 1


def test_pictures_that_are_not_kept_are_looked_at_and_not_shown() -> None:
    detector = RedDetector()
    found = all_of(masker(detector), 60, keep=lambda number: number % 4 == 1)
    assert [one.frame is not None for one in found] == [number % 4 == 1 for number in range(60)]
    assert detector.calls == 30
    assert all(red_of(one) < NEUTRAL for one in found if one.frame is not None)
    assert all(one.whole is None for one in found[:-LOOK_AHEAD])


def test_a_picture_that_may_not_be_shown_is_filled_and_not_looked_at() -> None:
    detector, made = RedDetector(), masker()
    found = made.take(came(0, walking(0), readable=False), keep=True) + made.finish()
    assert [one.whole for one in found] == [Whole.PICTURE] and red_of(found[0]) < NEUTRAL
    assert detector.calls == 0


def test_a_picture_of_another_size_is_filled() -> None:
    made = masker()
    other = came(0, frame=picture(0, (10, 10), (402, 242)))
    [only] = made.take(other, keep=True) + made.finish()
    assert only.frame is not None and (only.frame.width, only.frame.height) == SIZE
    assert only.whole is Whole.PICTURE and red_of(only) < NEUTRAL


def test_a_packet_without_a_picture_is_a_filled_one() -> None:
    made = masker()
    [only] = made.take(Decoded(None, 7, 9, readable=False), keep=True) + made.finish()
    assert (only.pts, only.arrived_ns, only.whole) == (7, 9, Whole.PICTURE)


def test_range_and_matrix_stay_and_nothing_else_of_the_cameras_picture() -> None:
    made = masker()
    frame = picture(0, None).reformat(format="yuvj420p")
    frame.colorspace = 1
    frame.pts = 77
    [only] = made.take(came(0, frame=frame), keep=True) + made.finish()
    assert only.frame is not None
    assert (only.frame.format.name, only.frame.colorspace) == ("yuvj420p", 1)
    assert only.frame.pts is None and not list(only.frame.side_data.keys())


@pytest.mark.parametrize(("rate", "asked"), [("25", 10), ("50", 5), ("12", 20)])
def test_the_detector_is_asked_as_often_in_time_at_every_rate(rate: str, asked: int) -> None:
    detector = RedDetector()
    all_of(masker(detector, Fraction(rate)), 20)
    assert detector.calls == asked


def test_an_error_that_nobody_foresaw_leaves_and_shows_nothing() -> None:
    made = masker(RedDetector(broken=[0], error=RuntimeError("a defect")))
    with pytest.raises(RuntimeError):
        made.take(came(0, walking(0)), keep=True)


def test_a_mosaic_hides_the_checks_of_the_face() -> None:
    chosen = policy(POLICY.replace('"fill"', '"mosaic"'))
    made = LiveMasker(chosen, RedDetector(), size=SIZE, rate=RATE, zones=())
    found = all_of(made, 40)
    left, top = walking(20)
    assert found[20].frame is not None
    packed = found[20].frame.to_ndarray(format="yuv420p").astype(int)[top : top + SIDE, left : left + SIDE]
    assert np.unique(packed).size <= 16


def test_every_doubt_of_the_planner_is_a_reason_here() -> None:
    assert {doubt.value for doubt in Doubt} < {whole.value for whole in Whole}
