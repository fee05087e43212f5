"""Mask plans as scripts of events: frames come, the detector answers or does not, masks come out.

A script is a list of what the detector said on each frame: boxes, `None` for not asked, `FAILED`.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.deid.boxes import Box, hull
from agent.deid.tracks import Doubt, FrameMask, MaskPlanner, TrackSettings

FAILED = "failed"
SETTINGS = TrackSettings(before=6, after=8, start=10, every=3, dilation=1.0)
HERE, THERE, FAR = Box(10, 10, 30, 30), Box(20, 10, 40, 30), Box(200, 200, 220, 220)
Answer = tuple[Box, ...] | str | None


def every_third(frames: int, seen: dict[int, tuple[Box, ...]]) -> list[Answer]:
    """Asked on each third frame and on the last; nothing found but what `seen` says."""
    return [
        seen.get(number, ()) if number % 3 == 0 or number == frames - 1 else None for number in range(frames)
    ]


def play(
    script: list[Answer], unreadable: frozenset[int] = frozenset(), settings: TrackSettings = SETTINGS
) -> list[FrameMask]:
    """Answers come at once, as off line."""
    planner = MaskPlanner(settings)
    masks: list[FrameMask] = []
    for number, answer in enumerate(script):
        masks += planner.frame(number, readable=number not in unreadable)
        if isinstance(answer, str):
            planner.failed(number)
        elif answer is not None:
            planner.found(number, answer)
    masks += planner.finish()
    assert [mask.number for mask in masks] == list(range(len(script)))
    return masks


def doubts(masks: list[FrameMask], why: Doubt) -> list[int]:
    return [mask.number for mask in masks if mask.doubt is why]


def covered(masks: list[FrameMask], box: Box) -> list[int]:
    """Frames on which one mask holds all of `box`."""
    return [mask.number for mask in masks if any(hull(box, held) == held for held in mask.boxes)]


def test_a_mask_begins_before_its_face_was_found_and_ends_after_it_was_last_seen() -> None:
    masks = play(every_third(60, {30: (HERE,), 33: (HERE,)}))
    assert covered(masks, HERE) == list(range(24, 42))
    assert [mask.number for mask in masks if mask.doubt] == list(range(10))


def test_between_two_sightings_the_whole_way_is_covered() -> None:
    masks = play(every_third(40, {21: (HERE,), 24: (THERE,)}))
    assert covered(masks, hull(HERE, THERE)) == [21, 22, 23, 24]
    assert covered(masks, THERE) == list(range(21, 33))


def test_a_face_that_is_missed_for_a_while_is_covered_on_its_way() -> None:
    masks = play(every_third(60, {30: (HERE,), 36: (THERE,)}))
    assert set(range(30, 37)) <= set(covered(masks, hull(HERE, THERE)))


def test_a_face_that_is_far_away_is_another_one_and_both_are_held() -> None:
    masks = play(every_third(60, {30: (HERE,), 33: (FAR,)}))
    assert covered(masks, HERE) == list(range(24, 39))
    assert covered(masks, FAR) == list(range(27, 42))


def test_when_a_match_is_not_sure_the_old_place_stays_masked() -> None:
    near = Box(36, 10, 56, 30)
    masks = play(every_third(60, {30: (HERE,), 33: (near,)}))
    assert covered(masks, HERE) == list(range(24, 39))
    assert covered(masks, near) == list(range(30, 42))


def test_two_faces_found_at_one_place_are_both_held() -> None:
    masks = play(every_third(60, {30: (HERE, THERE), 33: (HERE,)}))
    assert set(range(30, 39)) <= set(covered(masks, THERE))
    assert set(range(24, 42)) == set(covered(masks, HERE))


def test_masks_are_larger_than_the_faces() -> None:
    larger = TrackSettings(before=6, after=8, start=0, every=3, dilation=2.0)
    [mask] = {
        mask.boxes for mask in play(every_third(9, {0: (HERE,), 3: (HERE,), 6: (HERE,)}), settings=larger)
    }
    assert mask == (Box(0, 0, 40, 40),)


def test_the_start_is_masked_whole_until_the_first_face_is_held() -> None:
    assert doubts(play(every_third(40, {9: (HERE,)})), Doubt.START) == [0, 1, 2]
    assert doubts(play(every_third(40, {0: (HERE,)})), Doubt.START) == []
    assert doubts(play(every_third(40, {})), Doubt.START) == list(range(10))


def test_a_detector_that_never_answers_leaves_every_frame_masked_whole() -> None:
    masks = play([FAILED if number % 3 == 0 else None for number in range(40)])
    assert doubts(masks, Doubt.START) == list(range(10))
    assert doubts(masks, Doubt.DETECTOR) == list(range(10, 40))


def test_a_detector_that_fails_once_costs_the_frames_between_its_answers() -> None:
    script = every_third(40, {})
    script[21] = FAILED
    assert doubts(play(script), Doubt.DETECTOR) == [19, 20, 21, 22, 23]


def test_a_detector_that_stops_leaves_the_rest_masked_whole() -> None:
    script: list[Answer] = [
        answer if number < 20 else None for number, answer in enumerate(every_third(40, {}))
    ]
    masks = play(script)
    assert [mask.number for mask in masks if mask.doubt and mask.number >= 10] == list(range(19, 40))


def test_an_answer_that_comes_too_late_is_no_answer() -> None:
    """Live, a slow detector: the frame has gone out already, masked whole."""
    planner = MaskPlanner(SETTINGS)
    masks: list[FrameMask] = []
    for number in range(60):
        masks += planner.frame(number)
        if number % 3 == 0 and number >= 12:
            planner.found(number - 12, ())  # twelve frames behind, and masks go out nine frames behind
    assert masks[-1].number == 50
    assert all(mask.doubt is not None for mask in masks)


def test_masks_come_out_look_ahead_frames_later() -> None:
    planner = MaskPlanner(SETTINGS)
    came = []
    for number in range(30):
        came.append([mask.number for mask in planner.frame(number)])
        if number % 3 == 0:
            planner.found(number, ())
    assert came == [[]] * 9 + [[number] for number in range(21)]


def test_the_end_is_masked_whole_when_nobody_looked_at_it() -> None:
    script = every_third(41, {})
    script[40] = None
    assert doubts(play(script), Doubt.END) == [40]


def test_unreadable_frames_are_masked_whole_whatever_the_detector_said() -> None:
    masks = play(every_third(40, {21: (HERE,)}), frozenset({21, 30}))
    assert doubts(masks, Doubt.PICTURE) == [21, 30]


def test_a_film_of_one_frame() -> None:
    [mask] = play([(HERE,)])
    assert (mask.doubt, mask.boxes) == (None, (HERE,))
    assert play([]) == []


def test_wrong_order_is_a_defect() -> None:
    planner = MaskPlanner(SETTINGS)
    planner.frame(0)
    planner.found(0, ())
    for wrong in (lambda: planner.found(0, ()), lambda: planner.failed(1), lambda: planner.frame(2)):
        with pytest.raises(RuntimeError):
            wrong()
    planner.finish()
    with pytest.raises(RuntimeError):
        planner.frame(1)


def test_holding_for_less_than_nobody_looks_is_refused() -> None:
    with pytest.raises(ValueError, match="held"):
        TrackSettings(before=2, after=8, start=0, every=3, dilation=1.0)


_boxes = st.builds(
    lambda left, top, side: Box(left, top, left + side, top + side),
    st.integers(0, 300), st.integers(0, 300), st.integers(1, 80),
)  # fmt: skip


@given(st.lists(st.one_of(st.none(), st.just(FAILED), st.lists(_boxes, max_size=4).map(tuple)), max_size=60))
def test_whatever_happens_what_was_found_is_masked_around_its_frame(script: list[Answer]) -> None:
    masks = play(script)
    for number, answer in enumerate(script):
        if isinstance(answer, str) or not answer:
            continue
        for box in answer:
            assert number in covered(masks, box)


@given(st.lists(st.one_of(st.none(), st.just(FAILED), st.just(())), max_size=60))
def test_no_frame_is_shown_that_no_answer_stands_close_around(script: list[Answer]) -> None:
    answered = [number for number, answer in enumerate(script) if answer == ()]
    for mask in play(script):
        if mask.doubt is None:
            before = max(number for number in answered if number <= mask.number)
            behind = min(number for number in answered if number >= mask.number)
            assert behind - before <= SETTINGS.every
