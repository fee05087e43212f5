"""Rules of a device profile that look at more than one key, and how versions and patterns are read. Pure.

Guarantees: `broken_rules` never raises, whatever the types are (a wrong type is told by the models); each
rule gives the path of the key to change and what to do. Format: docs/formats/device-profile-v1.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any, TypeAlias

KeyPath: TypeAlias = tuple[str | int, ...]
Wrong: TypeAlias = tuple[KeyPath, str]

# Evidence of a match rule, strongest first; the two halves never stand in one rule.
BOX_EVIDENCE = ("usb", "edid", "card", "bus_info", "driver")
NETWORK_EVIDENCE = ("model", "firmware", "manufacturer")
EVIDENCE = BOX_EVIDENCE + NETWORK_EVIDENCE

_BUILD = re.compile(
    r"build(?:\s*date)?[\s:._-]*(20\d{2}-\d{2}-\d{2}|20\d{6}|\d{6})(?!\d)|^(20\d{2}-\d{2}-\d{2})$",
    re.IGNORECASE,
)


def numbers(version: str) -> tuple[int, ...]:
    """The runs of decimal digits in `version`; empty when there is none."""
    return tuple(int(run) for run in re.findall(r"[0-9]+", version))


def build_date(version: str) -> tuple[int, ...]:
    """(year, month, day) after the word `build`, or of a bare date; empty when there is none that exists."""
    found = _BUILD.search(version.strip())
    if found is None:
        return ()
    digits = (found.group(1) or found.group(2)).replace("-", "")
    digits = digits if len(digits) == 8 else f"20{digits}"
    year, month, day = int(digits[:4]), int(digits[4:6]), int(digits[6:])
    return (year, month, day) if 1 <= month <= 12 and 1 <= day <= 31 else ()


def broken_rules(raw: Mapping[str, Any]) -> Iterator[Wrong]:
    """Everything in `raw` that contradicts itself or lacks its source."""
    scope = raw.get("scope")
    for number, rule in enumerate(_tables(raw.get("match"))):
        yield from _match(("match", number), rule, scope)
    for number, floor in enumerate(_tables(raw.get("floor"))):
        if ("at_least" in floor) == ("above" in floor):
            yield ("floor", number), "write exactly one of at_least and above"
    yield from _plan(_table(raw.get("plan")), scope)
    yield from _overlay(_table(raw.get("overlay")), scope)
    yield from _connection(raw)
    yield from _sources(raw)


def _match(path: KeyPath, rule: Mapping[str, Any], scope: object) -> Iterator[Wrong]:
    named = {key for key in EVIDENCE if key in rule}
    if "any" in rule:
        if scope != "generic" or named:
            yield (*path, "any"), 'any = true stands alone, in a profile with scope = "generic"'
        return
    if not named:
        yield path, "a rule names at least one fact, for example usb or manufacturer"
        return
    if scope == "generic":
        yield path, "a generic profile matches by any = true only"
    if named & set(BOX_EVIDENCE) and named & set(NETWORK_EVIDENCE):
        yield path, "a rule names facts of the box or of the network, not both"
    if "source" not in rule:
        yield path, "source is missing: say where this identity is published"
    if {"model", "firmware"} & named and "manufacturer" not in named:
        yield path, "name the manufacturer beside the model or firmware"
    if scope in ("model", "vendor") and not _names(rule, named, scope):
        what = "a single device: usb with product, edid with product, card, or model"
        yield path, f"scope model needs {what}" if scope == "model" else f"scope vendor must not name {what}"


def _names(rule: Mapping[str, Any], named: set[str], scope: object) -> bool:
    ids = [one for key in ("usb", "edid") for one in _list(rule.get(key)) if isinstance(one, str)]
    one_device = bool({"card", "model"} & named) or (bool(ids) and not any(one.endswith("*") for one in ids))
    return one_device if scope == "model" else not one_device


def _plan(plan: Mapping[str, Any], scope: object) -> Iterator[Wrong]:
    levels, categories = _list(plan.get("forbidden_levels")), _list(plan.get("forbidden_categories"))
    if plan.get("level") in levels:
        yield ("plan", "level"), "this level is forbidden below: choose another"
    if plan.get("category") in categories:
        yield ("plan", "category"), "this category is forbidden below: choose another"
    if scope == "generic" and not {2, 3} <= {one for one in levels if isinstance(one, int)}:
        yield ("plan", "forbidden_levels"), "a generic profile forbids levels 2 and 3: write [2, 3]"


def _overlay(overlay: Mapping[str, Any], scope: object) -> Iterator[Wrong]:
    known, zones = overlay.get("known"), _tables(overlay.get("zone"))
    listed = list(zones)
    if known == "zones" and not listed:
        yield ("overlay", "known"), 'write the zones as [[overlay.zone]], or known = "no"'
    if known in ("no", "none") and listed:
        yield ("overlay", "known"), 'there are zones: write known = "zones"'
    if known == "none" and "source" not in overlay:
        yield ("overlay", "known"), "source is missing: say who found that it writes nothing"
    if scope in ("generic", "vendor") and known != "no":
        yield ("overlay", "known"), f'known = "no": a {scope} profile can\'t know where a model writes'
    for number, zone in enumerate(listed):
        for start, length in (("x", "width"), ("y", "height")):
            end = _fraction(zone.get(start)) + _fraction(zone.get(length))
            if end > 1:
                yield ("overlay", "zone", number, length), f"{start} + {length} goes beyond the picture"
            if zone.get(length) in ("0", "0/1"):
                yield ("overlay", "zone", number, length), "a zone has some size"


def _connection(raw: Mapping[str, Any]) -> Iterator[Wrong]:
    connection = raw.get("connection")
    if not isinstance(connection, dict):
        return
    if raw.get("kind") in ("v4l2", "synthetic"):
        yield ("connection",), "only network cameras have a connection: remove this"
    if {"rtsp_port", "onvif_port"} & set(connection) and "port_source" not in connection:
        yield ("connection",), "port_source is missing: say where the port is published"


def _sources(raw: Mapping[str, Any]) -> Iterator[Wrong]:
    """Every source that is named exists, and every one that exists is named."""
    ids: dict[str, int] = {}
    for number, note in enumerate(_tables(raw.get("source"))):
        name = note.get("id")
        if isinstance(name, str):
            if name in ids:
                yield ("source", number, "id"), f"two sources are called {name!r}: give each its own id"
            ids.setdefault(name, number)
    used: set[str] = set()
    for path, name in _references(raw):
        used.add(name)
        if name not in ids:
            yield path, f"there is no [[source]] with id {name!r}"
    for name, number in ids.items():
        if name not in used:
            yield ("source", number, "id"), f"nothing names the source {name!r}: remove it, or name it"


def _references(raw: Mapping[str, Any]) -> Iterator[tuple[KeyPath, str]]:
    overlay, connection = _table(raw.get("overlay")), _table(raw.get("connection"))
    tables: list[tuple[KeyPath, Mapping[str, Any]]] = [(("overlay",), overlay)]
    for key in ("match", "mode", "quirk", "floor"):
        tables += [((key, number), one) for number, one in enumerate(_tables(raw.get(key)))]
    tables += [(("overlay", "zone", n), one) for n, one in enumerate(_tables(overlay.get("zone")))]
    tables += [(("connection", "path", n), one) for n, one in enumerate(_tables(connection.get("path")))]
    for path, table in tables:
        if isinstance(name := table.get("source"), str):
            yield (*path, "source"), name
    if isinstance(name := connection.get("port_source"), str):
        yield ("connection", "port_source"), name


def _fraction(value: object) -> Fraction:
    """0 for what is no fraction: the models tell that."""
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,6}(/[1-9][0-9]{0,5})?", value):
        return Fraction(value)
    return Fraction(0)


def _table(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _tables(value: object) -> Iterator[Mapping[str, Any]]:
    return (_table(element) for element in _list(value))


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
