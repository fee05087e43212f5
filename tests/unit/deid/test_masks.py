"""Masks: nothing of what lay under one can be had back, and nothing beside one has changed."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.deid.boxes import Area, Box, aligned, dilated, disjoint, hull, zone
from agent.deid.masks import (
    MAX_CELLS,
    MaskKind,
    MaskStyle,
    Planes,
    apply,
    cropped,
    fill_all,
    planes_of,
    yuv_of,
)

SIZE = (160, 120)
FILL = MaskStyle(kind=MaskKind.FILL, colour=(16, 128, 128))
MOSAIC = MaskStyle(kind=MaskKind.MOSAIC, colour=(16, 128, 128), cell=16)
_numbers = st.floats(-40, 200, allow_nan=False)
boxes = st.builds(
    lambda left, top, width, height: Box(left, top, left + width, top + height),
    _numbers, _numbers, st.floats(0.1, 120), st.floats(0.1, 120),
)  # fmt: skip
seeds = st.integers(0, 2**32 - 1)


def noise(seed: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    width, height = SIZE
    # From 30 up: never the fill's luma, and 128 never occurs.
    values = np.random.default_rng(seed).integers(30, 250, (height * 3 // 2, width), dtype=np.uint8)
    values[values == 128] = 129
    return values


def inside(areas: list[Area]) -> tuple[np.ndarray[tuple[int, ...], np.dtype[np.bool_]], ...]:
    """Which luma and chroma samples lie in `areas`."""
    width, height = SIZE
    luma = np.zeros((height, width), bool)
    chroma = np.zeros((height // 2, width // 2), bool)
    for area in areas:
        luma[area.top : area.bottom, area.left : area.right] = True
        chroma[area.top // 2 : area.bottom // 2, area.left // 2 : area.right // 2] = True
    return luma, chroma, chroma


def planes(packed: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> Planes:
    return planes_of(packed, SIZE)


def each(found: Planes) -> tuple[np.ndarray[tuple[int, ...], np.dtype[np.uint8]], ...]:
    return found.y, found.u, found.v


@given(st.lists(boxes, max_size=4), st.lists(boxes, max_size=2), seeds)
def test_a_fill_leaves_its_colour_inside_and_all_else_as_it_was(
    faces: list[Box], zones: list[Box], seed: int
) -> None:
    before, after = planes(noise(seed)), planes(noise(seed))
    apply(after, faces, zones, FILL)
    areas = [area for box in faces + zones if (area := aligned(box, SIZE))]
    for old, new, mask, colour in zip(each(before), each(after), inside(areas), FILL.colour, strict=True):
        assert (new[mask] == colour).all()
        assert (new[~mask] == old[~mask]).all()


@given(st.lists(boxes, max_size=4), seeds)
def test_a_mosaic_changes_nothing_outside_and_has_few_large_cells(faces: list[Box], seed: int) -> None:
    before, after = planes(noise(seed)), planes(noise(seed))
    apply(after, faces, (), MOSAIC)
    areas = disjoint(area for box in faces if (area := aligned(box, SIZE)))
    for old, new, mask in zip(each(before), each(after), inside(list(areas)), strict=True):
        assert (new[~mask] == old[~mask]).all()
    for area in areas:
        for plane, step in ((after.y, 1), (after.u, 2), (after.v, 2)):
            part = plane[area.top // step : area.bottom // step, area.left // step : area.right // step]
            assert len(np.unique(part)) <= MAX_CELLS**2
            rows = 1 + np.count_nonzero((np.diff(part.astype(int), axis=0) != 0).any(axis=1))
            assert rows <= max(1, (area.bottom - area.top) // MOSAIC.cell)


@settings(max_examples=50)
@given(st.lists(boxes, max_size=3), st.lists(boxes, max_size=2), seeds)
def test_what_keeps_the_means_of_the_cells_can_not_be_told_apart(
    faces: list[Box], zones: list[Box], seed: int
) -> None:
    """Two pictures that differ in every masked sample, but in no cell's mean, become the same picture."""
    one, other = noise(seed), noise(seed)
    first, second = planes(one), planes(other)
    for plane, step in ((second.y, 1), (second.u, 2), (second.v, 2)):
        for area in disjoint(area for box in faces if (area := aligned(box, SIZE))):
            for top, left, bottom, right in cells(area):
                part = plane[top // step : bottom // step, left // step : right // step]
                part[...] = part[::-1, ::-1].copy()
    apply(first, faces, zones, MOSAIC)
    apply(second, faces, zones, MOSAIC)
    assert (one == other).all()


def cells(area: Area) -> list[tuple[int, int, int, int]]:
    """The cells as docs/formats/deid-policy-v1.md says: equal to two pixels, at most four, 16 or more."""
    sides = []
    for start, end in ((area.top, area.bottom), (area.left, area.right)):
        count = max(1, min(4, (end - start) // 16))
        edges = [start + 2 * ((end - start) // 2 * number // count) for number in range(count + 1)]
        sides.append(list(pairwise(edges)))
    return [(top, left, bottom, right) for top, bottom in sides[0] for left, right in sides[1]]


def test_a_mask_smaller_than_a_cell_is_filled() -> None:
    """The mean of a few samples is as good as the samples."""
    picture = planes(noise(1))
    apply(picture, [Box(20, 20, 22, 22), Box(60, 20, 160, 34)], (), MOSAIC)
    assert (picture.y[20:22, 20:22] == 16).all()
    assert (picture.y[20:34, 60:160] == 16).all()
    assert picture.u[10, 10] == 128


def test_a_zone_over_a_mosaic_does_not_give_the_rest_of_a_cell_away() -> None:
    """Were the zone filled first, the mean of its cell would tell the few samples beside it."""
    one, other = noise(2), noise(2)
    planes(other).y[20:52, 20:50] = 200  # what the zone covers goes into the mean all the same
    for packed in (one, other):
        apply(planes(packed), [Box(20, 20, 52, 52)], [Box(20, 20, 50, 52)], MOSAIC)
    assert (planes(one).y[20:52, 50:52] != planes(other).y[20:52, 50:52]).any()
    assert (planes(one).y[20:52, 20:50] == 16).all()


def test_the_whole_picture_is_filled() -> None:
    packed = noise(3)
    fill_all(planes(packed), FILL)
    assert [set(np.unique(plane)) for plane in each(planes(packed))] == [{16}, {128}, {128}]


def test_a_mosaic_of_small_cells_can_not_be_made() -> None:
    with pytest.raises(ValueError, match="16"):
        MaskStyle(kind=MaskKind.MOSAIC, colour=(16, 128, 128), cell=8)


def test_planes_that_are_no_picture_are_refused() -> None:
    with pytest.raises(ValueError, match="size"):
        planes_of(np.zeros((180, 158), np.uint8), SIZE)
    with pytest.raises(ValueError, match="4:2:0"):
        Planes(np.zeros((4, 4), np.uint8), np.zeros((4, 4), np.uint8), np.zeros((2, 2), np.uint8))
    with pytest.raises(ValueError, match="one behind the other"):
        planes_of(np.zeros((180, 320), np.uint8)[:, :160], SIZE)  # a copy would be masked, not the picture


@pytest.mark.parametrize(
    ("rgb", "yuv"),
    [
        ((0, 0, 0), (16, 128, 128)), ((255, 255, 255), (235, 128, 128)),
        ((255, 0, 0), (63, 102, 240)), ((0, 0, 255), (32, 240, 118)),
    ],
)  # fmt: skip
def test_colours_are_those_of_bt_709(rgb: tuple[int, int, int], yuv: tuple[int, int, int]) -> None:
    assert yuv_of(rgb) == yuv


@given(boxes)
def test_alignment_covers_all_of_a_box_and_lies_on_even_pixels(box: Box) -> None:
    area = aligned(box, SIZE)
    if area is None:
        assert box.right <= 0 or box.bottom <= 0 or box.left >= SIZE[0] or box.top >= SIZE[1]
        return
    assert all(side % 2 == 0 for side in (area.left, area.top, area.right, area.bottom))
    assert area.left <= max(0, box.left) and min(SIZE[0], box.right) <= area.right
    assert area.top <= max(0, box.top) and min(SIZE[1], box.bottom) <= area.bottom


@given(st.lists(boxes, max_size=6))
def test_joined_areas_do_not_overlap_and_cover_all(given_boxes: list[Box]) -> None:
    areas = [area for box in given_boxes if (area := aligned(box, SIZE))]
    joined = disjoint(areas)
    count = np.zeros((SIZE[1], SIZE[0]), int)
    for area in joined:
        count[area.top : area.bottom, area.left : area.right] += 1
    assert count.max() <= 1
    for area in areas:
        assert (count[area.top : area.bottom, area.left : area.right] == 1).all()


def test_boxes_grow_around_their_centre_and_never_shrink() -> None:
    assert dilated(Box(10, 10, 20, 30), 2) == Box(5, 0, 25, 40)
    with pytest.raises(ValueError, match="never shrink"):
        dilated(Box(0, 0, 1, 1), 0.9)
    assert hull(Box(0, 5, 10, 10), Box(8, 0, 20, 6)) == Box(0, 0, 20, 10)
    assert zone(Fraction(1, 4), Fraction(0), Fraction(1, 2), Fraction(1, 3), (400, 300)) == Box(
        100, 0, 300, 100
    )


def test_a_cut_picture_holds_the_samples_of_its_area_and_no_others() -> None:
    packed = noise(4)
    area = Area(20, 30, 84, 100)
    whole, part = planes(packed), planes_of(cropped(packed, SIZE, area), (64, 70))
    assert (part.y == whole.y[30:100, 20:84]).all()
    assert (part.u == whole.u[15:50, 10:42]).all()
    assert (part.v == whole.v[15:50, 10:42]).all()
    assert not np.shares_memory(part.y, packed)
