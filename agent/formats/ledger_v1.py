"""Ledger version 1: leaves, entry bundles and file names (docs/formats/ledger-v1.md).

Guarantees: one leaf has exactly one spelling, RFC 8785 JSON of at most 16 KiB without floats, and
`decode_leaf` refuses every other one with `leaf.bad`. Leaves out hashing, signatures and files. The
caller must keep patient data out of a body: a leaf can't be deleted.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NoReturn

import rfc8785

from agent.model.errors import Refuse
from agent.model.ids import BOX_PATTERN
from agent.model.outgoing import Json
from agent.model.times import ClockQuality

VERSION = 1
MAX_LEAF = 16 * 1024
BUNDLE = 256
HASH = 32
TAIL = "tail.entries"
CHECKPOINT = "checkpoint"
ENTRIES = "entries"
_ORIGIN = "edgeward.box/"
_MAX_INT = (1 << 53) - 1
_WALL = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
_NUMBER = re.compile(r"0|[1-9][0-9]{0,19}")
_WORD = re.compile(r"[\x21-\x7e][\x20-\x7e]{0,199}")
_BOX = re.compile(BOX_PATTERN)


class LeafType(StrEnum):
    """What a leaf tells. The list is closed: a reader that meets another word is too old."""

    BOOT = "boot"
    SHUTDOWN = "shutdown"
    CLOCK_STEP = "clock-step"
    CONFIGURATION = "configuration"
    RECORDING_OPENED = "recording-opened"
    SEGMENT = "segment"
    GAP = "gap"
    RECORDING_CLOSED = "recording-closed"
    ALARM_RAISED = "alarm-raised"
    ALARM_CLOSED = "alarm-closed"
    OPENED_BY = "opened-by"
    REFUSED = "refused"
    QUARANTINE = "quarantine"
    TICKET_RESERVED = "ticket-reserved"
    COMMAND_ACCEPTED = "command-accepted"
    COMMAND_DENIED = "command-denied"
    COMMAND_RESULT = "command-result"
    HOLD_SET = "hold-set"
    HOLD_CLEARED = "hold-cleared"
    RETENTION_DUE = "retention-due"
    DESTROY_REQUESTED = "destroy-requested"
    DESTROY_APPROVED = "destroy-approved"
    DESTROY_EXECUTED = "destroy-executed"
    DESTROY_CERTIFIED = "destroy-certified"
    EVICTED = "evicted"
    ALARM_ACKNOWLEDGED = "alarm-acknowledged"
    REPORT = "report"
    CHECK_REPORT = "check-report"
    HEARTBEAT = "heartbeat"


STD_CLAUSES: Mapping[LeafType, tuple[str, ...]] = {
    LeafType.BOOT: ("STD 7.4 e", "STD 7.4 f"),
    LeafType.SHUTDOWN: ("STD 7.4 e",),
    LeafType.CLOCK_STEP: ("STD 7.4 c",),
    LeafType.CONFIGURATION: ("STD 6.1", "STD 7.4 c"),
    LeafType.RECORDING_OPENED: ("STD 6.2", "STD 7.4"),
    LeafType.SEGMENT: ("STD 6.2", "STD 7.3"),
    LeafType.GAP: ("STD 6.2", "STD 7.4 f"),
    LeafType.RECORDING_CLOSED: ("STD 6.2", "STD 7.3"),
    LeafType.ALARM_RAISED: ("STD 7.4 c", "STD 7.4 f"),
    LeafType.ALARM_CLOSED: ("STD 7.4 f",),
    LeafType.OPENED_BY: ("STD 7.4", "STD 9.2"),
    LeafType.REFUSED: ("STD 7.4 c", "STD 9.2"),
    LeafType.QUARANTINE: ("STD 7.3", "STD 7.4 f"),
    LeafType.TICKET_RESERVED: ("STD 7.2", "STD 10.3"),
    LeafType.COMMAND_ACCEPTED: ("STD 7.4", "STD 9.2"),
    LeafType.COMMAND_DENIED: ("STD 7.4 c", "STD 9.2"),
    LeafType.COMMAND_RESULT: ("STD 7.4", "STD 9.2"),
    LeafType.HOLD_SET: ("STD 7.7 c", "STD 9.1 c"),
    LeafType.HOLD_CLEARED: ("STD 7.7 c", "STD 9.1 c"),
    LeafType.RETENTION_DUE: ("STD 7.7 c", "STD 9.1 c", "STD 10.1"),
    LeafType.DESTROY_REQUESTED: ("STD 10.1",),
    LeafType.DESTROY_APPROVED: ("STD 10.1",),
    LeafType.DESTROY_EXECUTED: ("STD 10.3",),
    LeafType.DESTROY_CERTIFIED: ("STD 10.1", "STD 10.4"),
    LeafType.EVICTED: ("STD 7.1", "STD 7.4 f"),
    LeafType.ALARM_ACKNOWLEDGED: ("STD 7.4 f",),
    LeafType.REPORT: ("STD 7.4 f",),
    LeafType.CHECK_REPORT: ("STD 7.4 f",),
    LeafType.HEARTBEAT: ("STD 7.3", "STD 7.4 e"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """One fact. `n` is its place in the log; `mono_ns` counts from the start of boot number `boot`."""

    box: str
    boot: int
    n: int
    wall: str
    mono_ns: int
    clk: ClockQuality
    type: LeafType
    std: tuple[str, ...]
    actor: str
    authority: str
    body: Mapping[str, Json]


def origin(box: str) -> str:
    """The checkpoint origin and key name of a box; Refuse `box.bad-name`."""
    if not _BOX.fullmatch(box):
        advice = "use lower-case letters, digits and hyphens, at most 63"
        raise Refuse("box.bad-name", "this can't be the name of a box", advice)
    return _ORIGIN + box


def _bad(why: str) -> Refuse:
    return Refuse("leaf.bad", f"not a ledger leaf of version 1: {why}", "see docs/formats/ledger-v1.md")


def _plain(value: object) -> Json:
    """`value` as JSON that has one spelling: no floats, no integers that JSON readers round."""
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        if abs(value) > _MAX_INT:
            raise _bad("an integer beyond 2^53-1 (write it as text)")
        return int(value)
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            raise _bad("a key that is not text")
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray | memoryview):
        return [_plain(item) for item in value]
    raise _bad(f"a {type(value).__name__} (floats have several spellings: write text)")


def encode_leaf(leaf: Leaf) -> bytes:
    """The one spelling of `leaf`; Refuse `leaf.bad` when it can't be a leaf."""
    try:
        body = _plain(leaf.body)
    except RecursionError as error:
        raise _bad("nested too deep") from error
    document: dict[str, Json] = {
        "v": VERSION,
        "box": leaf.box,
        "boot": leaf.boot,
        "n": leaf.n,
        "wall": leaf.wall,
        "mono_ns": str(leaf.mono_ns),
        "clk": leaf.clk.value,
        "type": leaf.type.value,
        "std": list(leaf.std),
        "actor": leaf.actor,
        "authority": leaf.authority,
        "body": body,
    }
    _leaf(document)
    return _canonical(document)


def _canonical(document: Json) -> bytes:
    try:
        data = rfc8785.dumps(document)
    except (rfc8785.CanonicalizationError, UnicodeEncodeError, RecursionError) as error:
        raise _bad("it has no RFC 8785 spelling") from error
    if len(data) > MAX_LEAF:
        raise _bad(f"{len(data)} bytes, the limit is {MAX_LEAF}")
    return data


def decode_leaf(data: bytes) -> Leaf:
    """The leaf that `data` spells; Refuse `leaf.bad` for every other byte string."""
    if len(data) > MAX_LEAF:
        raise _bad(f"{len(data)} bytes, the limit is {MAX_LEAF}")
    try:
        text = data.decode("utf-8")
        document = _DECODER.decode(text)
    except (ValueError, RecursionError) as error:
        raise _bad("not JSON") from error
    if not isinstance(document, dict) or not _is_canonical(document, text, data):
        raise _bad("not the RFC 8785 spelling of an object")
    return _leaf(document)


def _is_canonical(document: dict[str, Json], text: str, data: bytes) -> bool:
    """True when `data` is the RFC 8785 spelling of `document`, which was read from it.

    Where all is ASCII and no number is a float or large, Python's own encoder spells the same: names are
    in the order of UTF-16, and the same characters are escaped in the same way.
    """
    if data.isascii():
        return json.dumps(document, ensure_ascii=False, separators=(",", ":"), sort_keys=True) == text
    return _canonical(document) == data


def _no_float(text: str) -> NoReturn:
    raise _bad("it has a float")


def _small_int(text: str) -> int:
    value = int(text)
    if abs(value) > _MAX_INT:
        raise _bad("an integer beyond 2^53-1 (write it as text)")
    return value


_DECODER = json.JSONDecoder(parse_float=_no_float, parse_constant=_no_float, parse_int=_small_int)


def _text(value: object, pattern: re.Pattern[str], name: str) -> str:
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise _bad(f"field {name}")
    return value


def _count(value: object, name: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _MAX_INT:
        raise _bad(f"field {name}")
    return value


_FIELDS = {"v", "box", "boot", "n", "wall", "mono_ns", "clk", "type", "std", "actor", "authority", "body"}


def _leaf(document: Mapping[str, Json]) -> Leaf:
    if set(document) != _FIELDS or document["v"] is True or document["v"] != VERSION:
        raise _bad("other fields than those of version 1")
    std, body = document["std"], document["body"]
    if not isinstance(std, list) or not isinstance(body, dict):
        raise _bad("field std or body")
    try:
        kind, quality = LeafType(str(document["type"])), ClockQuality(str(document["clk"]))
    except ValueError as error:
        raise _bad("unknown type or clk (a newer program wrote it?)") from error
    return Leaf(
        box=_text(document["box"], _BOX, "box"),
        boot=_count(document["boot"], "boot"),
        n=_count(document["n"], "n"),
        wall=_text(document["wall"], _WALL, "wall"),
        mono_ns=int(_text(document["mono_ns"], _NUMBER, "mono_ns")),
        clk=quality,
        type=kind,
        std=tuple(_text(item, _WORD, "std") for item in std),
        actor=_text(document["actor"], _WORD, "actor"),
        authority=_text(document["authority"], _WORD, "authority"),
        body=body,
    )


def encode_entries(entries: Iterable[bytes]) -> bytes:
    """Entries as a bundle: each after its length as a big-endian uint16."""
    parts: list[bytes] = []
    for entry in entries:
        if not 0 < len(entry) <= MAX_LEAF:
            raise ValueError("an entry is between 1 byte and the limit")
        parts += (len(entry).to_bytes(2, "big"), entry)
    return b"".join(parts)


def split_entries(data: bytes) -> tuple[list[bytes], bytes]:
    """The whole entries at the start of `data`, and the rest that is no whole entry (empty when sound)."""
    entries: list[bytes] = []
    at = 0
    while at + 2 <= len(data):
        size = int.from_bytes(data[at : at + 2], "big")
        if not 0 < size <= MAX_LEAF or at + 2 + size > len(data):
            break
        entries.append(data[at + 2 : at + 2 + size])
        at += 2 + size
    return entries, data[at:]


def is_torn(rest: bytes) -> bool:
    """True when `rest` (of `split_entries`) is what a power loss leaves: a record cut short, or zeros."""
    if not rest.strip(b"\0"):
        return True
    return len(rest) < 2 or 0 < int.from_bytes(rest[:2], "big") <= MAX_LEAF


def tile_name(level: int | None, number: int, width: int | None = None) -> str:
    """Path of a tile below the log's directory; `level` None is an entry bundle, `width` a partial tile."""
    digits = f"{number:d}"
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    groups = [digits[i : i + 3] for i in range(0, len(digits), 3)]
    encoded = "/".join([*("x" + group for group in groups[:-1]), groups[-1]])
    suffix = "" if width is None else f".p/{width}"
    return f"tile/{ENTRIES if level is None else level}/{encoded}{suffix}"


def tile_number(encoded: str) -> int | None:
    """The number behind `x001/x234/067`; None for a path that is not a full tile's."""
    if not re.fullmatch(r"(x[0-9]{3}/)*[0-9]{3}", encoded):
        return None
    number = int(encoded.replace("x", "").replace("/", ""))
    return number if tile_name(None, number) == f"tile/{ENTRIES}/{encoded}" else None
