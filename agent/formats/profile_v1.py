"""Device profiles, version 1 (docs/formats/device-profile-v1.md): TOML in, a frozen profile or all errors.

Guarantees: strict types, unknown keys refused, every problem of a file at once with its line and key;
every fact names a source of the same file. Leaves out the files of a set and what they must agree on
(`agent/device/profiles.py`).
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from datetime import date
from difflib import get_close_matches
from enum import StrEnum
from fractions import Fraction
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BaseModel, Field, ValidationError

from agent.formats.config_model import StrictModel as _Model
from agent.formats.config_v1 import ConfigProblem
from agent.formats.profile_rules import Wrong, broken_rules, build_date, numbers
from agent.formats.toml_lines import line_of

FORMAT = "edgeward-device-profile-v1"
ID_PATTERN = r"^[a-z0-9]+(-[a-z0-9]+)*/[a-z0-9]+(-[a-z0-9]+)*$"
_SLUG = r"^[a-z0-9]+([.-][a-z0-9]+)*$"


class Kind(StrEnum):
    """How a device's pictures reach the box."""

    V4L2 = "v4l2"
    RTSP = "rtsp"
    ONVIF = "onvif"
    SYNTHETIC = "synthetic"


class Scope(StrEnum):
    """What a match with a profile means."""

    MODEL = "model"
    VENDOR = "vendor"
    GENERIC = "generic"
    TEST = "test"


class Compare(StrEnum):
    """How firmware versions of a floor are compared."""

    NUMBERS = "numbers"
    BUILD_DATE = "build-date"


def _fraction(text: str) -> Fraction:
    if not re.fullmatch(r"[0-9]{1,6}(/[1-9][0-9]{0,5})?", text):
        raise ValueError('write a fraction such as "25" or "30000/1001"')
    return Fraction(text)


def _rate(text: str) -> str:
    if not 0 < _fraction(text) <= 240:
        raise ValueError("a rate is above 0 and at most 240 per second")
    return text


def _part(text: str) -> str:
    if _fraction(text) > 1:
        raise ValueError("a part of the picture is between 0 and 1")
    return text


def _url(text: str) -> str:
    if not re.fullmatch(r"https?://[^\s@]+(@[^\s/]+)?[^\s]*|(agent|docs|hardware-tests)/[\w./-]+", text):
        raise ValueError("write an https:// address, or a path of this repository (agent/…, docs/…)")
    return text


def _template(text: str) -> str:
    if not text.startswith("/") or re.search(r"[{}]", text.replace("{channel}", "")) or "@" in text:
        raise ValueError("a path begins with /, has no placeholder but {channel}, and no name or password")
    return text


Rate = Annotated[str, AfterValidator(_rate)]
Part = Annotated[str, AfterValidator(_part)]
Slug = Annotated[str, Field(pattern=_SLUG, max_length=64)]
Text = Annotated[str, Field(min_length=1, max_length=600)]
Port = Annotated[int, Field(ge=1, le=65535)]
Category = Literal["dt", "nr", "mm", "er"]
Level = Literal[2, 3, 4, 5]
Usb = Annotated[str, Field(pattern=r"^[0-9a-f]{4}:([0-9a-f]{4}|\*)$")]
Edid = Annotated[str, Field(pattern=r"^[A-Z]{3}:([0-9a-f]{4}|\*)$")]
Pattern = Annotated[str, Field(min_length=1, max_length=200)]
Patterns = Annotated[tuple[Pattern, ...], Field(min_length=1, strict=False)]


class MatchRule(_Model):
    """How the device is recognised: every key that is named must agree."""

    usb: Annotated[tuple[Usb, ...], Field(min_length=1, strict=False)] | None = None
    edid: Annotated[tuple[Edid, ...], Field(min_length=1, strict=False)] | None = None
    card: Patterns | None = None
    bus_info: Patterns | None = None
    driver: Patterns | None = None
    manufacturer: Patterns | None = None
    model: Patterns | None = None
    firmware: Patterns | None = None
    any: Literal[True] | None = None
    source: Slug | None = None


class Mode(_Model):
    """One size and format that the device delivers."""

    width: int = Field(ge=16, le=16384)
    height: int = Field(ge=16, le=16384)
    rates: Annotated[tuple[Rate, ...], Field(min_length=1, strict=False)]
    pixel_format: Literal["yuyv", "uyvy", "nv12", "mjpeg", "h264", "h265", "bgr24", "p010"]
    source: Slug


class Quirk(_Model):
    """Something that it does otherwise than one would expect."""

    id: Slug
    text: Text
    source: Slug


class Floor(_Model):
    """A border of firmware versions and the advisories that set it."""

    cve: Annotated[
        tuple[Annotated[str, Field(pattern=r"^CVE-[0-9]{4}-[0-9]{4,7}$")], ...],
        Field(min_length=1, strict=False),
    ]
    compare: Annotated[Compare, Field(strict=False)] = Compare.NUMBERS
    at_least: Text | None = None
    above: Text | None = None
    from_version: Text | None = Field(default=None, alias="from")
    branch: Text | None = None
    remedy: Text
    source: Slug


class Plan(_Model):
    """What a plan with this device begins with, and what it may never say (STD 5.2, 5.3)."""

    category: Category
    level: Level
    forbidden_categories: Annotated[tuple[Category, ...], Field(strict=False)] = ()
    forbidden_levels: Annotated[tuple[Level, ...], Field(strict=False)] = ()


class Zone(_Model):
    """A rectangle that the device writes into, in parts of the picture, origin top left."""

    x: Part
    y: Part
    width: Part
    height: Part
    what: Literal["text", "logo", "clock", "name"]
    source: Slug


class Overlay(_Model):
    """What the device burns into its picture."""

    known: Literal["no", "none", "zones"]
    source: Slug | None = None
    zone: Annotated[tuple[Zone, ...], Field(strict=False)] = ()


class StreamPath(_Model):
    """Where a stream is, as a template with `{channel}`."""

    stream: Literal["main", "sub", "third"]
    template: Annotated[str, AfterValidator(_template), Field(max_length=200)]
    source: Slug


class Connection(_Model):
    """How to reach a network camera."""

    transport: Literal["tcp", "udp"] = "tcp"
    rtsp_port: Port | None = None
    onvif_port: Port | None = None
    port_source: Slug | None = None
    path: Annotated[tuple[StreamPath, ...], Field(strict=False)] = ()


class SourceNote(_Model):
    """Where a fact is published: address, when it was read, what it says in our own words."""

    id: Slug
    url: Annotated[str, AfterValidator(_url)]
    read: date
    says: Text


class DeviceProfile(_Model):
    """The whole file."""

    format: Literal["edgeward-device-profile-v1"]
    id: str = Field(pattern=ID_PATTERN, max_length=100)
    name: Text
    kind: Annotated[Kind, Field(strict=False)]
    scope: Annotated[Scope, Field(strict=False)]
    tried_on_hardware: bool
    notes: Text | None = None
    checks: Annotated[tuple[Slug, ...], Field(strict=False)] = ()
    match: Annotated[tuple[MatchRule, ...], Field(min_length=1, strict=False)]
    mode: Annotated[tuple[Mode, ...], Field(strict=False)] = ()
    quirk: Annotated[tuple[Quirk, ...], Field(strict=False)] = ()
    floor: Annotated[tuple[Floor, ...], Field(strict=False)] = ()
    plan: Plan
    overlay: Overlay
    connection: Connection | None = None
    source: Annotated[tuple[SourceNote, ...], Field(strict=False)] = ()


def parse(text: str) -> DeviceProfile | tuple[ConfigProblem, ...]:
    """The profile, or every problem in it in the order of the file."""
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"at line (\d+)", str(error))
        line = int(found.group(1)) if found else None
        return (ConfigProblem(line=line, key="", text=f"not TOML: {error}"),)
    except RecursionError:
        return (ConfigProblem(line=None, key="", text="not TOML that can be read: nested too deeply"),)
    wrong = list(broken_rules(raw))
    try:
        profile = DeviceProfile.model_validate(raw)
    except ValidationError as error:
        wrong += _model_errors(error)
    else:
        wrong += _unreadable_borders(profile)
        if not wrong:
            return profile
    problems = [
        ConfigProblem(line=line_of(text, path), key=".".join(str(part) for part in path), text=words)
        for path, words in wrong
    ]
    return tuple(sorted(problems, key=lambda problem: problem.line or 0))


def _unreadable_borders(profile: DeviceProfile) -> Iterator[Wrong]:
    """Versions of floors that their own comparison can't read."""
    for number, floor in enumerate(profile.floor):
        read = build_date if floor.compare is Compare.BUILD_DATE else numbers
        for key, value in (
            ("at_least", floor.at_least),
            ("above", floor.above),
            ("from", floor.from_version),
        ):
            if value is not None and not read(value):
                yield ("floor", number, key), f"{floor.compare.value} can't be read in this: see the format"


def _model_errors(error: ValidationError) -> Iterator[Wrong]:
    items = error.errors(include_input=False, include_context=False, include_url=False)
    places = [item["loc"] for item in items]
    for item in items:
        location = item["loc"]
        is_echo = any(len(other) > len(location) and other[: len(location)] == location for other in places)
        if not (item["type"] == "too_short" and is_echo):
            yield location, _words(location, item["type"], item["msg"])


def _words(location: tuple[str | int, ...], kind: str, message: str) -> str:
    if kind == "extra_forbidden":
        near = get_close_matches(str(location[-1]), _keys_at(location[:-1]), n=1)
        return "unknown key" + (f": did you mean {near[0]!r}?" if near else ": remove it")
    if kind == "missing":
        return "missing: add it"
    return message.removeprefix("Value error, ")


def _keys_at(location: tuple[str | int, ...]) -> list[str]:
    model: type[BaseModel] | None = DeviceProfile
    for part in location:
        if isinstance(part, str) and model is not None:
            field = model.model_fields.get(part)
            model = None if field is None else _model_in(field.annotation)
    if model is None:
        return []
    return sorted(field.alias or name for name, field in model.model_fields.items())


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _model_in(part))), None)
