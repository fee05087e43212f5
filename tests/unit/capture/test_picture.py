"""Numbers of pictures that are made here: black, cards, blurred, covered, changed, repeated."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from agent.capture import picture
from agent.capture.observed import PictureNumbers
from agent.capture.picture import Plane
from agent.capture.rules.black import is_black
from agent.capture.rules.covered import is_covered
from agent.capture.rules.defocused import is_defocused
from agent.capture.rules.frozen import is_frozen
from agent.capture.rules.no_signal import is_card
from agent.device.drivers.picture import Painter
from agent.model.spec import PictureLimits

SIZE = (1280, 720)
LIMITS = PictureLimits()
RULES = {
    "black": is_black, "no-signal": is_card, "frozen": is_frozen, "covered": is_covered,
    "defocused": is_defocused,
}  # fmt: skip


def grain(whole: NDArray[np.generic], seed: int, deviation: float = 2.0) -> Plane:
    """As a sensor sees it: with noise, in limited range."""
    noise = np.random.default_rng(seed).normal(0, deviation, whole.shape)
    return np.clip(np.asarray(whole, np.float64) + noise, 16, 235).astype(np.uint8)


def scene(shift: int = 0) -> Plane:
    """Edges of many sizes and contrasts, as a room has them, moved aside by `shift` pixels."""
    width, height = SIZE
    random = np.random.default_rng(3)
    luma = np.full((height, width), 90, np.uint8)
    for _ in range(200):
        x, y = int(random.integers(0, width)), int(random.integers(0, height))
        w, h = (int(side) for side in random.integers(20, 260, 2))
        shade = int(random.integers(40, 220))
        cv2.rectangle(luma, (x + shift, y), (x + shift + w, y + h), shade, -1)
    return np.asarray(cv2.GaussianBlur(luma, (0, 0), 0.8), np.uint8)


def numbers(luma: Plane, before: Plane | None = None, chroma: tuple[int, int] = (120, 135)) -> PictureNumbers:
    small = picture.small_luma(luma, full_range=False)
    last = None if before is None else picture.small_luma(before, full_range=False)
    u, v = (np.full((luma.shape[0] // 2, luma.shape[1] // 2), value, np.uint8) for value in chroma)
    planes = (picture.small_chroma(u, small.shape), picture.small_chroma(v, small.shape))
    return picture.measure(small, planes, last, LIMITS.black_luma)


def verdicts(seen: PictureNumbers) -> set[str]:
    return {name for name, is_so in RULES.items() if is_so(LIMITS, seen)}


def blurred(luma: Plane, spread: float) -> Plane:
    return np.asarray(cv2.GaussianBlur(luma, (0, 0), spread), np.uint8)


def test_a_good_picture_is_none_of_them_even_when_nothing_moves_but_a_sensors_noise() -> None:
    assert verdicts(numbers(grain(scene(), 1), grain(scene(), 2))) == set()


@pytest.mark.parametrize("deviation", [0, 1, 3])
def test_black_with_any_noise(deviation: float) -> None:
    before, now = (grain(np.full(SIZE[::-1], 16), seed, deviation) for seed in (1, 2))
    assert verdicts(numbers(now, before, (128, 128))) == {"black"}


def test_a_dark_room_is_not_black() -> None:
    dim = (16 + (scene().astype(np.float32) - 16) * 0.2).astype(np.uint8)
    assert "black" not in verdicts(numbers(grain(dim, 1), grain(dim, 2)))


@pytest.mark.parametrize("spread", [13, 20, 40])
def test_out_of_focus(spread: float) -> None:
    before, now = (grain(blurred(scene(), spread), seed, 1) for seed in (1, 2))
    assert verdicts(numbers(now, before)) - {"frozen"} == {"defocused"}


@pytest.mark.parametrize("spread", [0.5, 1, 2])
def test_a_little_softness_is_not_out_of_focus(spread: float) -> None:
    before, now = (grain(blurred(scene(), spread), seed) for seed in (1, 2))
    assert "defocused" not in verdicts(numbers(now, before))


def test_blur_grows_with_the_spread() -> None:
    values = [numbers(blurred(scene(), spread)).blur or 0.0 for spread in (0.5, 2, 4, 8, 16)]
    assert values == sorted(values)
    assert values[-1] - values[0] > 0.3


def test_a_hand_over_the_lens() -> None:
    painter = Painter(*SIZE)
    before, now = (grain(painter.covered(number)[: SIZE[1]], number) for number in (0, 25))
    assert verdicts(numbers(now, before)) == {"covered"}


@pytest.mark.parametrize("kind", ["blue", "white", "bars"])
def test_cards(kind: str) -> None:
    whole = Painter(*SIZE).card(kind)
    chroma = {"blue": (240, 110), "white": (128, 128), "bars": (128, 128)}[kind]
    luma = whole[: SIZE[1]]
    assert verdicts(numbers(luma, luma, chroma)) == {"no-signal"}


def test_a_card_whose_text_moves() -> None:
    whole = Painter(*SIZE).card("blue")[: SIZE[1]]
    seen = numbers(np.roll(whole, 60, axis=0), whole, (240, 110))
    assert seen.changed is not None
    assert 0.01 < seen.changed < 0.1
    assert verdicts(seen) == {"no-signal"}


def test_the_synthetic_picture_has_bars_and_is_no_card_even_when_it_stands_still() -> None:
    luma = Painter(*SIZE).picture(7, "2026-11-24T00:00:00.040")[: SIZE[1]]
    assert verdicts(numbers(luma, luma)) == {"frozen"}


def test_frozen_with_what_an_encoder_changes() -> None:
    assert "frozen" in verdicts(numbers(grain(scene(), 1, 0.5), grain(scene(), 2, 0.5)))
    assert "frozen" not in verdicts(numbers(scene(3), scene()))


def test_full_range_is_not_stretched_again() -> None:
    luma = np.full((270, 480), 16, np.uint8)
    assert picture.small_luma(luma, full_range=True).max() == 16
    assert picture.small_luma(luma, full_range=False).max() == 0


@pytest.mark.parametrize("size", [(2, 2), (16, 16), (40, 500), (4096, 34)])
def test_any_size_is_measured(size: tuple[int, int]) -> None:
    luma = np.arange(size[0] * size[1], dtype=np.uint32).astype(np.uint8).reshape(size[1], size[0])
    seen = numbers(luma, luma)
    assert 0 <= seen.flat_share <= 1
    assert seen.changed == 0


def test_a_picture_of_another_size_is_not_compared() -> None:
    assert numbers(np.zeros((90, 160), np.uint8), np.zeros((180, 160), np.uint8)).changed is None


def row(steps: list[int]) -> list[Plane]:
    """Small pictures in a row; each step says by how much the scene moved before it."""
    places = np.cumsum([0, *steps])
    return [
        picture.small_luma(grain(scene(int(at)), 9 + n, 0.7), full_range=False) for n, at in enumerate(places)
    ]


@pytest.mark.parametrize(
    ("steps", "repeats"),
    [
        ([4] * 15, 0),
        ([4, 4, 4, 4, 0] * 3, 2),  # the last one has no neighbour
        ([4, 0] * 7, 6),
        ([4] * 7 + [0] * 8, 0),  # it came to rest
        ([9, 8, 7, 6, 5, 4, 3, 2, 1, 2, 3, 4, 5, 6, 7], 0),  # it turned around
    ],
)
def test_repeats_are_stops_between_two_moves(steps: list[int], repeats: int) -> None:
    compared, found = picture.repeats(row(steps))
    assert compared == len(steps) - 2
    assert found == repeats


def test_without_motion_nothing_is_compared() -> None:
    assert picture.repeats(row([4])[:1] * 16) == (0, 0)
    assert picture.repeats(row([4])) == (0, 0)
    assert picture.repeats([]) == (0, 0)
