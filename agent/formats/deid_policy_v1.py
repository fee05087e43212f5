"""De-identification policies, version 1 (docs/formats/deid-policy-v1.md): TOML in, a frozen policy or all
errors.

Guarantees: strict types, unknown keys refused, every problem at once with its line; no policy without an
approver and its users, none that lets text through unsaid, none without what its purpose needs or with what
it doesn't. Leaves out whether the approver may approve (`agent/deid/purposes.py`, STD 8.2 f) and proof that
they did (`deid_approval_v1.py`).
"""

from __future__ import annotations

import re
import tomllib
from datetime import date
from fractions import Fraction
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, ValidationError, model_validator

from agent.formats.config_model import StrictModel
from agent.formats.config_v1 import ConfigProblem
from agent.formats.profile_v1 import ID_PATTERN
from agent.formats.toml_lines import line_of

FORMAT = "edgeward-deid-policy-v1"
APPROVED = "approved"
Purpose = Literal["general", "education", "research", "newtech", "assist"]
Text = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^\S(.*\S)?$")]
Slug = Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=64)]
DeviceId = Annotated[str, Field(pattern=ID_PATTERN, max_length=128)]
Officer = Annotated[str, Field(pattern=r"^age1[a-z0-9]{1,4092}$")]
# Purposes and the table that each of them needs; no other purpose may have it.
_TABLES = {
    "education": ("education",),
    "study": ("research", "newtech"),
    "assist": ("assist",),
}


def _part(text: str) -> str:
    if not re.fullmatch(r"[0-9]{1,6}(/[1-9][0-9]{0,5})?", text):
        raise ValueError('write a part of the picture as a fraction such as "1/8"')
    if Fraction(text) > 1:
        raise ValueError("a part of the picture is between 0 and 1")
    return text


Part = Annotated[str, AfterValidator(_part)]


class Approval(StrictModel):
    """Who answers for this policy."""

    by: Text
    on: date
    reference: Text


class Mask(StrictModel):
    """What stays where a face was. `cell` is the shortest side of a mosaic's cell in pixels."""

    kind: Literal["fill", "mosaic"]
    colour: Annotated[str, Field(pattern=r"^#[0-9a-f]{6}$")] = "#000000"
    cell: int = Field(default=16, ge=16, le=256)

    @property
    def rgb(self) -> tuple[int, int, int]:
        """The colour's red, green and blue, 0 to 255."""
        return int(self.colour[1:3], 16), int(self.colour[3:5], 16), int(self.colour[5:7], 16)


class Hold(StrictModel):
    """Seconds: how long a mask begins before and stays after its face, how long a start is in doubt."""

    before_s: float = Field(ge=0.2, le=5)
    after_s: float = Field(ge=0.2, le=10)
    start_s: float = Field(ge=1, le=60)


class Rectangle(StrictModel):
    """A rectangle in parts of the picture, origin top left."""

    x: Part
    y: Part
    width: Part
    height: Part

    @model_validator(mode="after")
    def _inside(self) -> Self:
        for start, length in ((self.x, self.width), (self.y, self.height)):
            if Fraction(length) == 0 or Fraction(start) + Fraction(length) > 1:
                raise ValueError("a zone has a width and a height, and ends inside the picture")
        return self


class Zone(Rectangle):
    """A rectangle that is always filled. `what` it covers; `picture` is a picture inside the picture."""

    what: Literal["text", "logo", "clock", "name", "picture"] = "text"


class Education(StrictModel):
    """What STD 8.2 b adds. `hands`: why no fingerprint can be seen; this version finds no hands."""

    hands: Text


class Study(StrictModel):
    """What a study may keep (STD 8.2 c, d): this part of the picture, for at most so many seconds."""

    reference: Text
    longest_s: float = Field(gt=0, le=86_400)
    field: Rectangle


class Assist(StrictModel):
    """Who re-identifies (STD 8.2 e): any two of these age recipients together."""

    officers: Annotated[tuple[Officer, ...], Field(strict=False, min_length=2, max_length=11)]


class DeidPolicy(StrictModel):
    """The whole file."""

    format: Literal["edgeward-deid-policy-v1"]
    id: Slug
    version: int = Field(ge=1, le=999_999)
    purpose: Purpose
    detector: Literal["live", "careful"]
    users: Annotated[tuple[Text, ...], Field(strict=False, min_length=1, max_length=200)]
    text: bool
    text_absent: Text | None = None
    text_devices: Annotated[tuple[DeviceId, ...], Field(strict=False, max_length=64)] = ()
    approved: Approval
    mask: Mask
    hold: Hold
    zone: Annotated[tuple[Zone, ...], Field(strict=False, max_length=64)] = ()
    education: Education | None = None
    study: Study | None = None
    assist: Assist | None = None

    @model_validator(mode="after")
    def _text_is_thought_of(self) -> Self:
        if not self.text and not self.zone and self.text_absent is None:
            raise ValueError(
                "text = false without a [[zone]]: say in text_absent why these pictures hold no text"
            )
        if self.text_absent is not None and (self.text or self.zone):
            raise ValueError("text_absent contradicts text = true and [[zone]]")
        if self.text_devices and not self.text:
            raise ValueError("text_devices names devices for which finding text is enough: text = true")
        return self

    @model_validator(mode="after")
    def _purpose_has_its_table(self) -> Self:
        for table, purposes in _TABLES.items():
            there, needed = getattr(self, table) is not None, self.purpose in purposes
            if needed and not there:
                raise ValueError(f"purpose {self.purpose} needs the table [{table}]")
            if there and not needed:
                raise ValueError(f"[{table}] belongs to purpose {' or '.join(purposes)} only")
        return self


def parse(text: str) -> DeidPolicy | tuple[ConfigProblem, ...]:
    """The policy, or every problem in it in the order of the file."""
    try:
        raw = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        return (ConfigProblem(line=None, key="", text=f"not TOML: {error}"),)
    try:
        return DeidPolicy.model_validate(raw)
    except ValidationError as error:
        problems = [
            ConfigProblem(
                line=line_of(text, item["loc"]),
                key=".".join(str(part) for part in item["loc"]),
                text=_words(item["type"], item["msg"]),
            )
            for item in error.errors(include_input=False, include_context=False, include_url=False)
        ]
        return tuple(sorted(problems, key=lambda problem: problem.line or 0))


def is_unapproved(problems: tuple[ConfigProblem, ...]) -> bool:
    """True when the approval, or who gave it, is among what is wrong."""
    return any(problem.key.split(".")[0] == APPROVED for problem in problems)


def _words(kind: str, message: str) -> str:
    if kind == "extra_forbidden":
        return "unknown key: remove it"
    if kind == "missing":
        return "missing: add it"
    return message.removeprefix("Value error, ")
