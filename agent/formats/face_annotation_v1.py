"""Annotations of faces, version 1 (docs/formats/face-annotation-v1.md): JSON in, frozen values or a refusal.

Guarantees: strict types, unknown keys refused; frames in order and each once, a person once on a frame, boxes
not empty and inside the picture. Holds numbers only: no pictures, no names. Leaves out whether the boxes are
right, which nobody but a person who looks can say, and whether the film is the one that is meant.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import Field, ValidationError, model_validator

from agent.formats.config_model import StrictModel
from agent.model.errors import Refuse

FORMAT = "edgeward-face-annotation-v1"
_LARGEST = 64 << 20
_SIDE = 16_384
Pixel = Annotated[float, Field(ge=0, le=_SIDE)]


class AnnotatedFace(StrictModel):
    """A face on one frame: `box` is left, top, right, bottom in pixels, `person` the same number for the same
    person. `doubtful`: people differ on whether it is a face that could be recognised; it is not counted.
    """

    person: Annotated[int, Field(ge=0, le=1_000_000)]
    box: Annotated[tuple[Pixel, Pixel, Pixel, Pixel], Field(strict=False)]
    doubtful: bool = False

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        left, top, right, bottom = self.box
        if left >= right or top >= bottom:
            raise ValueError("a box is left, top, right, bottom, and holds something")
        return self


class AnnotatedFrame(StrictModel):
    """A frame that was looked at, counted from 0 in the order of showing, with all its faces or none."""

    number: Annotated[int, Field(ge=0, le=100_000_000)]
    faces: Annotated[tuple[AnnotatedFace, ...], Field(strict=False)]

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        if len({face.person for face in self.faces}) != len(self.faces):
            raise ValueError("a person has one face")
        return self


class FaceAnnotation(StrictModel):
    """The whole file. `film_sha256`: of the film's bytes. `method`: in words, how the boxes were made."""

    format: Literal["edgeward-face-annotation-v1"]
    film_sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    width: Annotated[int, Field(ge=1, le=_SIDE)]
    height: Annotated[int, Field(ge=1, le=_SIDE)]
    method: Annotated[str, Field(min_length=1, max_length=2000)]
    frames: Annotated[tuple[AnnotatedFrame, ...], Field(strict=False, min_length=1)]

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if any(one.number >= other.number for one, other in pairwise(self.frames)):
            raise ValueError("frames come in order, each once")
        boxes = [face.box for frame in self.frames for face in frame.faces]
        if any(box[2] > self.width or box[3] > self.height for box in boxes):
            raise ValueError("a box lies outside the picture")
        return self


def parse(data: bytes) -> FaceAnnotation:
    """The annotation in `data`. Raises `Refuse` `deid.annotation`."""
    if len(data) > _LARGEST:
        raise _bad("it is too long")
    try:
        return FaceAnnotation.model_validate_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise _bad(f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}") from None


def encode(annotation: FaceAnnotation) -> bytes:
    """JSON in UTF-8 with one frame to a line, so that people can read and compare it."""
    head = annotation.model_dump_json(exclude={"frames"}).removesuffix("}")
    lines = ",\n".join(frame.model_dump_json(exclude_defaults=True) for frame in annotation.frames)
    return f'{head},"frames":[\n{lines}\n]}}\n'.encode()


def _bad(why: str) -> Refuse:
    return Refuse(
        "deid.annotation", f"the annotation can't be read: {why}", "see docs/formats/face-annotation-v1.md"
    )
