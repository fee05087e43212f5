"""Checks of untrusted JSON values that cost microseconds, and a shape made of them. Pure.

Guarantees: a check takes any value and says whether it may be used; it bounds texts, lists and objects.
Strict: `True` is no integer. Leaves out what messages look like (`shapes.py`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

Check: TypeAlias = Callable[[object], bool]

_MAX_INT = (1 << 63) - 1
_MAX_DEPTH = 8
_MAX_VALUES = 2000
_MAX_TEXT = 4096
_HEX64 = re.compile(r"[0-9a-f]{64}")
_HEX32 = re.compile(r"[0-9a-f]{32}")
_STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", re.ASCII)
_CHANNEL = re.compile(r"[a-z][a-z0-9-]{0,15}")
_KIB = 1024


class Place(StrEnum):
    """Which entity may say it."""

    BOX = "box"
    CHANNEL = "channel"
    ANY = "any"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """One kind of message. `limit` bounds its bytes."""

    place: Place
    required: Mapping[str, Check]
    optional: Mapping[str, Check] = field(default_factory=dict)
    limit: int = 16 * _KIB

    def wrong(self, body: Mapping[str, object]) -> str | None:
        """The name of the first field that is missing or wrong; None when all are right."""
        for name, check in self.required.items():
            if name not in body or not check(body[name]):
                return name
        for name, check in self.optional.items():
            if name in body and not check(body[name]):
                return name
        return None


def stamp(value: object) -> bool:
    """A time as the contract spells it, that there is."""
    if type(value) is not str or not _STAMP.fullmatch(value):
        return False
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return True


def count(value: object) -> bool:
    """An integer from 0 to 2^63 - 1."""
    return type(value) is int and 0 <= value <= _MAX_INT


def positive(value: object) -> bool:
    """An integer from 1 to 2^63 - 1."""
    return type(value) is int and 1 <= value <= _MAX_INT


def integer(value: object) -> bool:
    """An integer of 64 bits."""
    return type(value) is int and -_MAX_INT <= value <= _MAX_INT


def number(value: object) -> bool:
    """A number that is not absurd."""
    return type(value) in (int, float) and -1e18 < value < 1e18  # type: ignore[operator] # type() says it


def flag(value: object) -> bool:
    """True or false."""
    return type(value) is bool


def sha256(value: object) -> bool:
    """64 hexadecimal digits."""
    return type(value) is str and _HEX64.fullmatch(value) is not None


def nonce(value: object) -> bool:
    """32 hexadecimal digits."""
    return type(value) is str and _HEX32.fullmatch(value) is not None


def channel(value: object) -> bool:
    """The name of a channel."""
    return type(value) is str and _CHANNEL.fullmatch(value) is not None


def text(limit: int) -> Check:
    """A text of at most `limit` characters."""
    return lambda value: type(value) is str and len(value) <= limit


def word(*words: str | None) -> Check:
    """One of these."""
    known = frozenset(words)
    return lambda value: (value is None or type(value) is str) and value in known


def one_of(*numbers: int) -> Check:
    """One of these integers."""
    return lambda value: type(value) is int and value in numbers


def maybe(check: Check) -> Check:
    """None, or what passes `check`."""
    return lambda value: value is None or check(value)


def several(check: Check, most: int) -> Check:
    """A list of at most `most`."""
    return lambda value: type(value) is list and len(value) <= most and all(map(check, value))


def fields(required: Mapping[str, Check], optional: Mapping[str, Check] | None = None) -> Check:
    """An object with at least the required fields."""
    shape = Shape(place=Place.ANY, required=required, optional=optional or {})
    return lambda value: type(value) is dict and len(value) <= 64 and shape.wrong(value) is None


def small(value: object) -> bool:
    """An object of any content that is neither deep nor large."""
    if type(value) is not dict:
        return False
    waiting: list[tuple[object, int]] = [(value, 1)]
    seen = 0
    while waiting:
        found, depth = waiting.pop()
        seen += 1
        if seen > _MAX_VALUES or depth > _MAX_DEPTH:
            return False
        if type(found) is dict:
            if any(len(name) > 128 for name in found):
                return False
            waiting += [(item, depth + 1) for item in found.values()]
        elif type(found) is list:
            waiting += [(item, depth + 1) for item in found]
        elif (type(found) is str and len(found) > _MAX_TEXT) or (
            type(found) is int and abs(found) > _MAX_INT
        ):
            return False
    return True


def span(value: object) -> bool:
    """A pair of numbers, the first not above the second."""
    return type(value) is list and len(value) == 2 and all(map(positive, value)) and value[0] <= value[1]
