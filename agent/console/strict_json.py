"""JSON from outside to one object that can be stored and said again. Pure.

Guarantees: UTF-8 and nothing else, one object, no name twice, no NaN, no half of a surrogate pair (SQLite and
UTF-8 can't hold it), nesting at most `DEPTH` (our own encoder is recursive); all else is ValueError.
Leaves out what the object should hold.
"""

from __future__ import annotations

import json
from typing import Any, NoReturn

DEPTH = 32


def parse_object(data: bytes) -> dict[str, Any]:
    """The object; ValueError when it is none."""
    text = data.decode("utf-8")
    try:
        value = json.loads(text, parse_constant=_no_constant, object_pairs_hook=_no_twins)
    except RecursionError:
        raise ValueError("too deep") from None
    if type(value) is not dict:
        raise ValueError("no object")
    if text.count("[") + text.count("{") > DEPTH:
        _check_depth(value)
    if "\\u" in text:
        json.dumps(value, ensure_ascii=False).encode()  # UnicodeEncodeError is a ValueError
    return value


def _check_depth(value: object) -> None:
    level: list[Any] = [value]
    for _ in range(DEPTH):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if type(outer) is dict else outer)
            if type(inner) in (dict, list)
        ]
        if not level:
            return
    raise ValueError("too deep")


def _no_constant(_name: str) -> NoReturn:
    raise ValueError("not JSON")


def _no_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name occurs twice")
    return found
