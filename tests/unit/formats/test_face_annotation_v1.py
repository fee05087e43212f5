"""Annotations of faces: the vectors, one spelling, and that those in the repository are what they say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agent.formats.face_annotation_v1 import encode, parse
from agent.model.errors import Refuse

VECTORS = Path(__file__).parents[2] / "vectors" / "face-annotation-v1"
KEPT = Path(__file__).parents[2] / "data" / "faces"
BAD = json.loads((VECTORS / "bad.json").read_text(encoding="utf-8"))


def test_the_good_vector_is_read_and_spelled_again_to_the_byte() -> None:
    data = (VECTORS / "good.json").read_bytes()
    annotation = parse(data)
    assert encode(annotation) == data
    first, second = annotation.frames
    assert (first.number, first.faces) == (0, ())
    assert [(face.person, face.box, face.doubtful) for face in second.faces] == [
        (1, (8.0, 4.5, 24.0, 28.0), False),
        (2, (40.0, 0.0, 64.0, 48.0), True),
    ]


@pytest.mark.parametrize("case", BAD, ids=[case["why"] for case in BAD])
def test_bad_vectors_are_refused(case: dict[str, object]) -> None:
    with pytest.raises(Refuse) as caught:
        parse(json.dumps(case["annotation"]).encode())
    assert caught.value.code == "deid.annotation"


@pytest.mark.parametrize("data", [b"", b"[]", b"\xff", b"{" * 10_000, b'{"width": NaN}'], ids=repr)
def test_what_is_no_json_object_is_refused(data: bytes) -> None:
    with pytest.raises(Refuse) as caught:
        parse(data[:40] if data.startswith(b"{{") else data)
    assert caught.value.code == "deid.annotation"


@pytest.mark.parametrize(
    ("name", "frames", "counted", "doubtful"),
    [("street_faces", 105, 730, 50), ("people_one_by_one", 249, 28, 19), ("laparoscopy", 25, 0, 0)],
)
def test_the_annotations_that_figures_are_measured_on(
    name: str, frames: int, counted: int, doubtful: int
) -> None:
    data = (KEPT / f"{name}.json").read_bytes()
    annotation = parse(data)
    faces = [face for frame in annotation.frames for face in frame.faces]
    assert len(annotation.frames) == frames
    assert [sum(not face.doubtful for face in faces), sum(face.doubtful for face in faces)] == [
        counted,
        doubtful,
    ]
    assert encode(annotation) == data
