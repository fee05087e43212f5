"""What counts as covered, in part and missed; and that the engine's own masks are what is measured."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from agent.deid.boxes import Box
from agent.deid.detector_profiles import DetectorProfile, detector_profile
from agent.deid.measure import Cover, Tally, cover_of, covered_share, table
from agent.deid.measure_film import measure_film
from agent.formats.face_annotation_v1 import AnnotatedFace, AnnotatedFrame, FaceAnnotation, parse
from agent.model.errors import Refuse
from tests.fakes.face_films import POLICY, SIDE, SIZE, RedDetector, policy, walking, write_film

EMPTY: Cover = np.zeros((100, 200), np.bool_)


def frame(number: int, *faces: tuple[int, tuple[float, float, float, float]]) -> AnnotatedFrame:
    return AnnotatedFrame(
        number=number, faces=tuple(AnnotatedFace(person=person, box=box) for person, box in faces)
    )


def test_a_mask_over_the_whole_box_covers_the_face() -> None:
    face = Box(40.5, 20, 80, 70)
    assert covered_share(face, cover_of([face], (200, 100))) == 1
    assert covered_share(face, EMPTY) == 0


def test_half_a_face_is_half_covered() -> None:
    face = Box(40, 20, 80, 72)
    for half in (Box(40, 20, 60, 72), Box(40, 46, 80, 72)):
        assert covered_share(face, cover_of([half], (200, 100))) == pytest.approx(0.5, abs=0.01)


def test_a_corner_of_the_box_is_no_face() -> None:
    corners = EMPTY.copy()
    for rows in (slice(20, 24), slice(56, 60)):
        for columns in (slice(40, 44), slice(76, 80)):
            corners[rows, columns] = True
    assert covered_share(Box(40, 20, 80, 60), corners) == 0


def test_a_face_at_the_edge_is_measured_inside_the_picture() -> None:
    assert covered_share(Box(180, 80, 200, 100), cover_of([Box(170, 70, 300, 300)], (200, 100))) == 1


def test_a_box_of_less_than_a_pixel_is_no_division_by_zero() -> None:
    assert covered_share(Box(10.1, 10.1, 10.2, 10.2), ~EMPTY) == 0


def test_face_frames_are_counted_by_width() -> None:
    tally = Tally()
    boxes = {1: (0, 0, 19.9, 25), 2: (30, 0, 50, 25), 3: (60, 0, 92, 40), 4: (100, 0, 160, 80)}
    cover = cover_of([Box(0, 0, 45, 90), Box(60, 0, 70, 90), Box(100, 0, 160, 90)], (200, 100))
    tally.add(frame(0, *boxes.items()), cover)
    tally.add(frame(3, (3, boxes[3])), ~EMPTY)
    found = tally.result()
    assert [(one.width, one.faces, one.in_part, one.missed, one.people) for one in found.classes] == [
        (0, 1, 0, 0, 1), (20, 1, 1, 0, 1), (32, 2, 0, 1, 1), (60, 1, 0, 0, 1),
    ]  # fmt: skip
    assert [one.people_shown for one in found.classes] == [0, 0, 1, 0]
    assert found.missed_share(32) == pytest.approx(1 / 3)
    assert found.missed_share(60) == 0
    assert found.area == pytest.approx((cover.mean() + 1) / 2)
    assert found.frames == 2


def test_doubtful_faces_are_counted_apart() -> None:
    tally = Tally()
    face = AnnotatedFace(person=1, box=(10, 10, 50, 60), doubtful=True)
    tally.add(AnnotatedFrame(number=0, faces=(face,)), EMPTY)
    tally.add(AnnotatedFrame(number=1, faces=(face,)), ~EMPTY)
    found = tally.result()
    assert (found.doubtful, found.doubtful_missed) == (2, 1)
    assert sum(one.faces for one in found.classes) == 0


def test_the_table_says_how_many_were_missed() -> None:
    tally = Tally()
    tally.add(frame(0, (1, (0, 0, 40, 50))), EMPTY)
    lines = table("live", tally.result())
    assert lines[0] == "live: masks cover 0.00% of the picture on 1 frames"
    assert "| 32 to 60 | 1 | 0.0% | 0 | 1 | 100.0% | 1 | 1 |" in lines
    assert "| 60 and more | 0 | 100.0% | 0 | 0 | - | 0 | 0 |" in lines


def annotated(film: Path, **change: object) -> FaceAnnotation:
    """The face that walks through `film`, on each 5th of its 60 frames."""
    faces = {number: walking(number) for number in range(0, 60, 5)}
    document: dict[str, object] = {
        "format": "edgeward-face-annotation-v1",
        "film_sha256": hashlib.sha256(film.read_bytes()).hexdigest(),
        "width": SIZE[0],
        "height": SIZE[1],
        "method": "drawn by a test",
        "frames": [
            {"number": number, "faces": [{"person": 1, "box": [left, top, left + SIDE, top + SIDE]}]}
            for number, (left, top) in faces.items()
        ],
    }
    return parse(json.dumps(document | change).encode())


@pytest.fixture
def film(tmp_path: Path) -> Path:
    return write_film(tmp_path / "film.mp4")


LIVE: DetectorProfile = detector_profile("live")


def test_a_face_that_is_found_is_covered(film: Path) -> None:
    measured = measure_film(film, annotated(film), policy(), RedDetector(), LIVE)
    [faces] = [one for one in measured.found.classes if one.faces]
    assert (faces.width, faces.faces, faces.missed, faces.covered) == (32, 12, 0, 1.0)
    assert (measured.whole, measured.failures) == (0, 0)
    assert 0.02 < measured.found.area < 0.2


def test_a_detector_that_finds_other_things_misses(film: Path) -> None:
    moved = annotated(film, frames=[{"number": 20, "faces": [{"person": 1, "box": [200, 120, 240, 160]}]}])
    measured = measure_film(film, moved, policy(), RedDetector(), LIVE)
    assert measured.found.missed_share(0) == 1


def test_frames_in_doubt_are_covered_and_counted(film: Path) -> None:
    blind = RedDetector(broken=range(100))
    measured = measure_film(film, annotated(film), policy(), blind, LIVE)
    assert measured.found.missed_share(0) == 0
    assert measured.whole == measured.found.frames == 12
    assert measured.found.area == 1
    assert measured.failures == 31


def test_a_zone_of_the_policy_covers_no_face_by_chance(film: Path) -> None:
    zone = '\n[[zone]]\nx = "0"\ny = "0"\nwidth = "1"\nheight = "1"\n'
    with_zone = policy(POLICY.replace('text_absent = "drawn by a test"\n', "") + zone)
    nobody = replace(LIVE, every=2)
    moved = annotated(film, frames=[{"number": 40, "faces": [{"person": 1, "box": [0, 0, 40, 40]}]}])
    assert measure_film(film, moved, with_zone, RedDetector(), nobody).found.missed_share(0) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"film_sha256": "0" * 64},
        {"width": SIZE[0] + 2},
        {"frames": [{"number": 60, "faces": []}]},
    ],
    ids=["another film", "another size", "a frame too many"],
)
def test_an_annotation_of_another_film_measures_nothing(film: Path, change: dict[str, object]) -> None:
    with pytest.raises(Refuse) as caught:
        measure_film(film, annotated(film, **change), policy(), RedDetector(), LIVE)
    assert caught.value.code == "deid.annotation-film"
