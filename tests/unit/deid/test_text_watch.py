"""Where text is held as scripts of looks: found, not found, failed; and when that is in doubt."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from numpy.typing import NDArray

from agent.deid.boxes import Box
from agent.deid.text_model import TextProfile
from agent.deid.text_watch import TextSettings, TextWatch, text_settings, ways_between
from agent.model.errors import Refuse

SIZE = (320, 192)
LATER = TextSettings(sides=(320,), every=10, before=10, after=30, both_ways=True)
LIVE = replace(LATER, both_ways=False)
HERE, THERE = Box(10, 10, 60, 20), Box(100, 100, 160, 112)


class Shown:
    def __init__(self, *, readable: bool = True) -> None:
        self.readable = readable

    def rgb(self, size: tuple[int, int]) -> NDArray[np.uint8]:
        return np.zeros((size[1], size[0], 3), np.uint8)


class Script:
    """Answers look by look; None fails."""

    def __init__(self, *answers: tuple[Box, ...] | None) -> None:
        self._answers = list(answers)
        self.sizes: list[tuple[int, ...]] = []

    def find(self, rgb: NDArray[np.uint8]) -> tuple[Box, ...]:
        self.sizes.append(rgb.shape[:2])
        answer = self._answers.pop(0) if self._answers else ()
        if answer is None:
            raise Refuse("deid.text-detector", "out of order", "none")
        return answer


def watched(frames: int, detector: Script, settings: TextSettings) -> TextWatch:
    watch = TextWatch(detector, SIZE, settings)
    for number in range(frames):
        watch.look(number, Shown())
    return watch


def held(watch: TextWatch, box: Box, frames: int) -> list[int]:
    return [number for number in range(frames) if box in (watch.boxes(number) or ())]


def in_doubt(watch: TextWatch, frames: int) -> list[int]:
    return [number for number in range(frames) if watch.boxes(number) is None]


def test_text_is_held_before_it_was_found_and_after() -> None:
    watch = watched(91, Script((), (), (HERE,)), LATER)
    assert held(watch, HERE, 91) == list(range(10, 51))
    assert in_doubt(watch, 91) == []
    assert (watch.asked, watch.found, watch.failures) == (10, 1, [])


def test_what_a_later_look_misses_stays_and_others_are_added() -> None:
    watch = watched(61, Script((HERE,), (), (THERE,)), LATER)
    assert set(watch.boxes(20) or ()) == {HERE, THERE}
    assert set(watch.boxes(30) or ()) == {HERE, THERE}
    assert set(watch.boxes(31) or ()) == {THERE}


def test_a_look_that_fails_puts_all_between_its_neighbours_in_doubt() -> None:
    watch = watched(41, Script((), (), None, ()), LATER)
    assert in_doubt(watch, 41) == list(range(11, 30))
    assert watch.failures == ["deid.text-detector"]


def test_live_only_looks_before_a_picture_count_against_doubt() -> None:
    watch = watched(41, Script((), (), None, ()), LIVE)
    assert in_doubt(watch, 41) == list(range(20, 30))


def test_nobody_has_looked_yet() -> None:
    assert TextWatch(Script(), SIZE, LIVE).boxes(0) is None
    watch = TextWatch(Script(), SIZE, LIVE)
    watch.look(0, Shown(readable=False))
    assert watch.boxes(0) is None
    assert watch.failures == ["deid.picture"]


def test_a_film_that_ends_between_two_looks_is_in_doubt_until_its_last_picture_was_looked_at() -> None:
    watch = watched(36, Script(), LATER)
    assert in_doubt(watch, 36) == [31, 32, 33, 34, 35]
    assert watch.newest == 30
    watch.look_now(35, Shown())
    assert in_doubt(watch, 36) == []


def test_looks_go_on_when_pictures_are_missing() -> None:
    """Live, pictures that could not be decoded never come: the next one that does is looked at."""
    watch = TextWatch(Script((), (HERE,)), SIZE, LIVE)
    for number in (*range(8), *range(17, 25)):
        watch.look(number, Shown())
    assert watch.asked == 2
    assert in_doubt(watch, 25) == list(range(10, 17))


def test_a_look_sees_the_picture_at_every_side_and_boxes_are_the_films_pixels() -> None:
    detector = Script((Box(0, 0, 8, 8),), (Box(0, 0, 16, 16),))
    watch = TextWatch(detector, (640, 384), replace(LIVE, sides=(160, 320)))
    watch.look(0, Shown())
    assert detector.sizes == [(96, 160), (192, 320)]
    assert watch.boxes(0) == (Box(0, 0, 32, 32),)
    assert watch.found == 2


def test_the_way_of_writing_that_moves_is_masked_between_the_two_looks() -> None:
    moved = Box(70, 14, 118, 24)
    watch = watched(31, Script((), (HERE,), (moved,)), LATER)
    way = Box(10, 10, 118, 24)
    assert held(watch, way, 31) == list(range(10, 20))
    assert held(watch, HERE, 31) == list(range(31))


@pytest.mark.parametrize(
    ("before", "after", "ways"),
    [
        ((HERE,), (HERE,), ()),
        ((HERE,), (Box(12, 11, 61, 21),), ()),
        ((HERE,), (), ()),
        ((), (HERE,), ()),
        ((HERE,), (Box(250, 10, 300, 20),), ()),
        ((HERE,), (Box(70, 10, 150, 20),), ()),
        ((HERE,), (Box(70, 10, 120, 30),), ()),
        ((HERE, THERE), (Box(70, 10, 120, 20), THERE), (Box(10, 10, 120, 20),)),
        ((HERE,), (Box(80, 10, 130, 20), Box(70, 10, 120, 20)), (Box(10, 10, 120, 20),)),
    ],
    ids=["stays", "trembles", "goes", "comes", "far", "wider", "higher", "one-of-two", "nearest"],
)  # fmt: skip
def test_what_may_have_moved(before: tuple[Box, ...], after: tuple[Box, ...], ways: tuple[Box, ...]) -> None:
    assert ways_between(before, after) == ways


def test_looks_come_in_order() -> None:
    watch = watched(11, Script(), LIVE)
    with pytest.raises(RuntimeError):
        watch.look_now(10, Shown())


def test_a_long_stretch_live_keeps_only_what_can_still_be_asked_for() -> None:
    watch = watched(5000, Script(*[(HERE,)] * 500), LIVE)
    assert len(watch._looks) < 20
    assert watch.boxes(4999) == (HERE,)


def test_seconds_become_pictures() -> None:
    profile = TextProfile(name="x", sides=(960,), every_s=1.0, before_s=1.0, after_s=3.0)
    found = text_settings(profile, Fraction(30000, 1001), both_ways=True)
    assert (found.every, found.before, found.after) == (29, 30, 90)
    slow = text_settings(profile, Fraction(1, 2), both_ways=True)
    assert (slow.every, slow.before, slow.after) == (1, 1, 2)


def test_holding_for_less_than_nobody_looks_is_refused() -> None:
    with pytest.raises(ValueError, match="held"):
        replace(LATER, after=9)
