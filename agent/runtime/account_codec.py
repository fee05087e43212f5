"""Accounts made of dataclasses as JSON and back, for the index of the past. Pure.

Guarantees: `from_plain(type(x), to_plain(x))` is equal to `x`, and what was one object stays one object,
wherever it is mentioned. Knows None, bool, int, str, bytes, enums, dataclasses, list, tuple, set, frozenset,
dict and Mapping, `X | None`, and plain JSON where a union says more than one thing; TypeError for the rest.
`from_plain` believes what it reads as far as the types go: ValueError, TypeError or LookupError for other
JSON. It calls no constructor: classes with work in `__post_init__` are not for it.
"""

from __future__ import annotations

import json
import types
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache
from hashlib import sha256
from typing import Any, NewType, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")
_MAPS = (dict, Mapping)
_LISTS = (list, tuple, set, frozenset)


def shape_of(kind: type) -> str:
    """A word that changes when the fields of `kind`, or of what it holds, change."""
    seen: dict[str, list[str]] = {}

    def look(tp: Any) -> None:
        tp = _bare(tp)
        if is_dataclass(tp) and isinstance(tp, type) and tp.__qualname__ not in seen:
            seen[tp.__qualname__] = []
            for name, part in _hints(tp).items():
                seen[tp.__qualname__].append(f"{name}: {part}")
                look(part)
        for part in get_args(tp):
            look(part)

    look(kind)
    return sha256(json.dumps(seen, sort_keys=True).encode()).hexdigest()[:16]


def to_plain(value: Any) -> Any:
    """The account as JSON: a list of its objects, the account itself first."""
    objects: list[Any] = []
    places: dict[int, int] = {}

    def write(tp: Any, one: Any) -> Any:
        tp, optional = _optional(tp)
        if one is None and optional:
            return None
        origin = get_origin(tp) or tp
        if _is_json(tp):
            return json.loads(json.dumps(one))
        if isinstance(origin, type) and is_dataclass(origin):
            return refer(origin, one)
        if isinstance(origin, type) and issubclass(origin, Enum):
            return one.value
        if origin is bytes:
            return one.hex()
        if origin in _MAPS:
            key, item = get_args(tp)
            return [[write(key, name), write(item, each)] for name, each in one.items()]
        if origin in _LISTS:
            written = [write(part, each) for part, each in zip(_parts(tp, len(one)), one, strict=True)]
            return sorted(written, key=json.dumps) if origin in (set, frozenset) else written
        if origin in (bool, int, str) and isinstance(one, origin):
            return one
        raise TypeError(f"an account can't hold {tp}: {type(one).__name__}")

    def refer(tp: type, one: Any) -> int:
        place = places.get(id(one))
        if place is None:
            place = places[id(one)] = len(objects)
            objects.append(None)
            objects[place] = [write(part, getattr(one, name)) for name, part in _hints(tp).items()]
        return place

    refer(type(value), value)
    return objects


def from_plain(kind: type[T], objects: Any) -> T:
    """The account that `to_plain` wrote."""
    made: dict[tuple[int, type], Any] = {}

    def read(tp: Any, one: Any) -> Any:
        tp, optional = _optional(tp)
        if one is None and optional:
            return None
        origin = get_origin(tp) or tp
        if _is_json(tp):
            return one
        if isinstance(origin, type) and is_dataclass(origin):
            return resolve(origin, one)
        if isinstance(origin, type) and issubclass(origin, Enum):
            return origin(one)
        if origin is bytes:
            return bytes.fromhex(one)
        if origin in _MAPS:
            key, item = get_args(tp)
            return {read(key, name): read(item, each) for name, each in one}
        if origin in _LISTS:
            return origin(read(part, each) for part, each in zip(_parts(tp, len(one)), one, strict=True))
        if origin in (bool, int, str) and type(one) is origin:
            return one
        raise TypeError(f"not a {tp}: {type(one).__name__}")

    def resolve(tp: type, place: Any) -> Any:
        if not isinstance(place, int) or place < 0:
            raise TypeError("not the place of an object")
        if (place, tp) not in made:
            found: Any = object.__new__(tp)
            made[place, tp] = found
            for (name, part), one in zip(_hints(tp).items(), objects[place], strict=True):
                object.__setattr__(found, name, read(part, one))
        return made[place, tp]

    account: T = resolve(kind, 0)
    return account


def _bare(tp: Any) -> Any:
    """The type behind a NewType."""
    while isinstance(tp, NewType):
        tp = tp.__supertype__
    return tp


def _optional(tp: Any) -> tuple[Any, bool]:
    """`X` and True for `X | None`, and for None alone."""
    tp = _bare(tp)
    if tp in (None, type(None)):
        return tp, True
    if get_origin(tp) in (Union, types.UnionType):
        rest = [part for part in get_args(tp) if part is not type(None)]
        if len(rest) == 1:
            return _bare(rest[0]), True
    return tp, False


def _is_json(tp: Any) -> bool:
    return get_origin(tp) in (Union, types.UnionType)


def _parts(tp: Any, count: int) -> list[Any]:
    """The type of each element."""
    arguments = get_args(tp)
    if get_origin(tp) is tuple and arguments[-1:] != (Ellipsis,):
        return list(arguments)
    return [arguments[0]] * count


@cache
def _hints(kind: type) -> dict[str, Any]:
    """The fields of a dataclass with their types, in order."""
    hints = get_type_hints(kind)
    return {one.name: hints[one.name] for one in fields(kind)}
