"""The container of a capsule that several custodians must open together: a POSIX ustar archive. Pure.

Guarantees: one list of alternatives has exactly one spelling, which stock `tar` reads; `decode` refuses every
other byte string with `seal.bad-container` and never makes a path of a name: names are keys' fingerprints.
Leaves out what is inside the members: nested age files (docs/formats/sealed-v1.md, Several custodians).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from agent.model.errors import Refuse

MAX_ALTERNATIVES = 64
MAX_THRESHOLD = 7  # a longer name would not fit into ustar's 100 bytes
MAX_CONTAINER = 1024 * 1024
FINGERPRINT = 12
_BLOCK = 512
_END = bytes(2 * _BLOCK)
_NAME = re.compile(rb"[0-9a-f]{12}(\+[0-9a-f]{12}){1,6}\.age")
_SIZE = re.compile(rb"[0-7]{11}\0")
_MAGIC_AT = 257


@dataclass(frozen=True, slots=True, kw_only=True)
class Alternative:
    """Nested age files for these keys, by fingerprint; the first opens the outermost."""

    keys: tuple[str, ...]
    sealed: bytes

    @property
    def name(self) -> str:
        """The member's name: `FINGERPRINT+FINGERPRINT.age`."""
        return "+".join(self.keys) + ".age"


def fingerprint(recipient: str) -> str:
    """The first 12 hex digits of the SHA-256 of an age recipient's text: `printf %s AGE1… | sha256sum`."""
    return sha256(recipient.encode("ascii")).hexdigest()[:FINGERPRINT]


def looks_like_one(data: bytes) -> bool:
    """True when `data` begins as a ustar archive does."""
    return data[_MAGIC_AT : _MAGIC_AT + 8] == b"ustar\x0000"


def encode(alternatives: Sequence[Alternative]) -> bytes:
    """The archive; RuntimeError for what `decode` would refuse, since our own code chose it."""
    data = b"".join(_member(one) for one in alternatives) + _END
    try:
        decode(data)
    except Refuse as error:
        raise RuntimeError(error.text) from None
    return data


def decode(data: bytes) -> tuple[Alternative, ...]:
    """The alternatives in `data`, all of as many different keys, none twice; Refuse `seal.bad-container`."""
    if len(data) > MAX_CONTAINER:
        raise _bad(f"more than {MAX_CONTAINER} bytes")
    found: list[Alternative] = []
    at = 0
    while data[at:] != _END:
        name, size = _header(data[at : at + _BLOCK])
        body = data[at + _BLOCK : at + _BLOCK + size]
        one = Alternative(keys=tuple(name.removesuffix(".age").split("+")), sealed=body)
        member = _member(one)
        if len(body) != size or data[at : at + len(member)] != member:
            raise _bad("a member that is cut short, or not spelled as it must be")
        found.append(one)
        at += len(member)
        if len(found) > MAX_ALTERNATIVES:
            raise _bad(f"more than {MAX_ALTERNATIVES} alternatives")
    _must_fit_together(found)
    return tuple(found)


def _must_fit_together(found: Sequence[Alternative]) -> None:
    if not found:
        raise _bad("no alternative")
    if len({len(one.keys) for one in found}) != 1:
        raise _bad("alternatives of different numbers of keys")
    if any(len(set(one.keys)) != len(one.keys) for one in found):
        raise _bad("a key that comes twice in one alternative")
    if len({frozenset(one.keys) for one in found}) != len(found):
        raise _bad("an alternative that comes twice")


def _header(block: bytes) -> tuple[str, int]:
    """Name and size; everything else in the block is compared by `decode` with what it must be."""
    name = block[:100].rstrip(b"\0")
    if len(block) != _BLOCK or not _NAME.fullmatch(name) or not _SIZE.fullmatch(block[124:136]):
        raise _bad("something that is no member, where a member or the end must be")
    return name.decode("ascii"), int(block[124:135], 8)


def _member(one: Alternative) -> bytes:
    """A regular file of ustar (POSIX.1-1988): mode 0400, owner and time 0, then its bytes and zeros."""
    name = one.name.encode("ascii")
    if len(name) > 100 or len(one.sealed) > MAX_CONTAINER:
        raise _bad("a name or a member that is too long")
    before = (
        name.ljust(100, b"\0") + b"0000400\0" + 2 * b"0000000\0" + b"%011o\0" % len(one.sealed) + 11 * b"0"
    )
    before += b"\0"
    after = b"0" + bytes(100) + b"ustar\x0000" + bytes(64) + 2 * b"0000000\0" + bytes(155 + 12)
    checksum = sum(before) + 8 * ord(" ") + sum(after)
    header = before + b"%06o\0 " % checksum + after
    return header + one.sealed + bytes(-len(one.sealed) % _BLOCK)


def _bad(why: str) -> Refuse:
    return Refuse(
        "seal.bad-container",
        f"the container of a capsule for several custodians is damaged: {why}",
        "Compare the capsule's hash with the opening leaf, and fetch another copy.",
    )
