"""The age v1 file header and payload layout (C2SP age.md, tag age/v1.1.0): bytes to values and back.

Guarantees: `parse` accepts only what `encode` makes, so header bytes and values correspond one to one:
canonical unpadded base64, bodies wrapped at 64 columns and ended by a shorter line, sizes limited.
Everything else raises `Refuse('seal.age-header')`. Leaves out all keys: the MAC is only carried here.
"""

from __future__ import annotations

import binascii
from dataclasses import dataclass

from agent.model.errors import Refuse

CHUNK = 65_536
TAG = 16
FILE_KEY_LEN = 16
NONCE_LEN = 16
MAC_LEN = 32
MAX_HEADER = 131_072
MAX_STANZAS = 64

_VERSION = b"age-encryption.org/v1\n"
_COLUMNS = 64
_END = b"---"
_ARMOR = b"-----BEGIN AGE"


@dataclass(frozen=True, slots=True)
class Stanza:
    """The file key wrapped for one recipient: `-> TYPE ARG...` and a binary body."""

    type: str
    args: tuple[str, ...]
    body: bytes


@dataclass(frozen=True, slots=True)
class Header:
    """All stanzas and the MAC over them."""

    stanzas: tuple[Stanza, ...]
    mac: bytes


def is_age_file(data: bytes) -> bool:
    """True when `data` says that it is a binary age v1 file."""
    return data.startswith(_VERSION)


def bad_header(text: str) -> Refuse:
    """The one refusal of this format. `text` names the rule, never the content."""
    return Refuse("seal.age-header", f"age header: {text}", "Fetch the file again from another copy.")


def covered(stanzas: tuple[Stanza, ...]) -> bytes:
    """The header bytes that the MAC covers: everything up to and including `---`."""
    if not 1 <= len(stanzas) <= MAX_STANZAS:
        raise bad_header(f"there must be 1 to {MAX_STANZAS} stanzas")
    data = _VERSION + b"".join(_encode_stanza(stanza) for stanza in stanzas) + _END
    if len(data) + MAC_LEN * 2 > MAX_HEADER:
        raise bad_header(f"longer than {MAX_HEADER} bytes")
    return data


def encode(header: Header) -> bytes:
    """The header's bytes, ready to be followed by the payload nonce."""
    if len(header.mac) != MAC_LEN:
        raise bad_header(f"the MAC must have {MAC_LEN} bytes")
    return covered(header.stanzas) + b" " + encode_base64(header.mac).encode("ascii") + b"\n"


def header_end(data: bytes | bytearray) -> int | None:
    """Where the header at the start of `data` ends, or None when its last line is not complete yet.

    Refuses at once what can no longer become a header.
    """
    start = bytes(data[: len(_VERSION)])
    if start != _VERSION[: len(start)]:
        armor = " but its armor: decode that first" if start.startswith(_ARMOR) else ""
        raise bad_header(f"this is not an age v1 file{armor}")
    last = data.find(b"\n" + _END)
    end = -1 if last < 0 else data.find(b"\n", last + 1)
    if end >= MAX_HEADER or (end < 0 and len(data) >= MAX_HEADER):
        raise bad_header(f"longer than {MAX_HEADER} bytes")
    return None if end < 0 else end + 1


def parse(data: bytes) -> Header:
    """The header that is exactly `data`, from the version line to the line feed after the MAC."""
    if len(data) > MAX_HEADER:
        raise bad_header(f"longer than {MAX_HEADER} bytes")
    if not data.startswith(_VERSION):
        raise bad_header("this is not an age v1 file")
    if not data.endswith(b"\n"):
        raise bad_header("the last line has no end")
    lines = data[len(_VERSION) : -1].split(b"\n")
    stanzas: list[Stanza] = []
    at = 0
    while at < len(lines) and lines[at].startswith(b"->"):
        if len(stanzas) == MAX_STANZAS:
            raise bad_header(f"more than {MAX_STANZAS} stanzas")
        stanza, at = _parse_stanza(lines, at)
        stanzas.append(stanza)
    if not stanzas:
        raise bad_header("there is no stanza")
    if at != len(lines) - 1:
        raise bad_header("a line is neither a stanza nor the last line, or there is data after the MAC")
    return Header(tuple(stanzas), _parse_mac(lines[at]))


def chunk_nonce(counter: int, *, last: bool) -> bytes:
    """The 12-byte nonce of payload chunk `counter`."""
    return counter.to_bytes(11, "big") + (b"\x01" if last else b"\x00")


def encode_base64(data: bytes) -> str:
    """Canonical base64 without padding."""
    return binascii.b2a_base64(data, newline=False).decode("ascii").rstrip("=")


def decode_base64(text: str) -> bytes:
    """The inverse of `encode_base64`; refuses padding, other letters and unused bits that are not zero."""
    try:
        data = binascii.a2b_base64(text + "=" * (-len(text) % 4), strict_mode=True)
    except ValueError:  # binascii.Error is one; text that is not ASCII gives a plain one
        raise bad_header("not base64") from None
    if encode_base64(data) != text:
        raise bad_header("base64 is not canonical")
    return data


def _encode_stanza(stanza: Stanza) -> bytes:
    arguments = (stanza.type, *stanza.args)
    for argument in arguments:
        if not _is_argument(argument):
            raise bad_header("a stanza argument is empty or not printable ASCII")
    body = encode_base64(stanza.body)
    lines = [body[at : at + _COLUMNS] for at in range(0, len(body) + 1, _COLUMNS)]
    return "".join(line + "\n" for line in ["-> " + " ".join(arguments), *lines]).encode("ascii")


def _parse_stanza(lines: list[bytes], at: int) -> tuple[Stanza, int]:
    if not lines[at].startswith(b"-> "):
        raise bad_header("a stanza doesn't begin with an arrow and a space")
    try:
        arguments = lines[at][3:].decode("ascii").split(" ")
    except UnicodeDecodeError:
        raise bad_header("a stanza argument is empty or not printable ASCII") from None
    if not all(_is_argument(argument) for argument in arguments):
        raise bad_header("a stanza argument is empty or not printable ASCII")
    body = bytearray()
    for line_at in range(at + 1, len(lines)):
        line = lines[line_at]
        if len(line) > _COLUMNS:
            raise bad_header("a stanza line is longer than 64 columns")
        body += line
        if len(line) < _COLUMNS:
            return Stanza(arguments[0], tuple(arguments[1:]), _decode_body(bytes(body))), line_at + 1
    raise bad_header("a stanza has no final line")


def _decode_body(body: bytes) -> bytes:
    try:
        text = body.decode("ascii")
    except UnicodeDecodeError:
        raise bad_header("not base64") from None
    return decode_base64(text)


def _parse_mac(line: bytes) -> bytes:
    if not line.startswith(_END + b" "):
        raise bad_header("the last line doesn't begin with three dashes and a space")
    mac = _decode_body(line[len(_END) + 1 :])
    if len(mac) != MAC_LEN:
        raise bad_header(f"the MAC must have {MAC_LEN} bytes")
    return mac


def _is_argument(text: str) -> bool:
    return bool(text) and all(33 <= ord(letter) <= 126 for letter in text)
