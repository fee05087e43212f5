"""C2SP signed notes (c2sp.org/signed-note): the text and its signature lines, and Ed25519 key names.

Guarantees: a note that is parsed is valid UTF-8 without control characters, at most 64 KiB (or the `limit`
of its format) with 1 to 32 signature lines; `encode` gives bytes that `parse` reads back to the same
value. Leaves out the cryptography: the caller must verify a signature before it trusts one word of the text.
"""

from __future__ import annotations

import binascii
import re
from base64 import b64decode, b64encode
from dataclasses import dataclass
from hashlib import sha256

from agent.model.errors import Refuse

MAX_NOTE = 64 * 1024
MAX_SIGNATURES = 32
ED25519 = 0x01
COSIGNATURE = 0x04
"""Signature types of c2sp.org/signed-note; the second is the Ed25519 one of c2sp.org/tlog-cosignature."""
_DASH = "\u2014 "
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """One signature line: who (name and key id) and the bytes of the signature."""

    name: str
    key_id: bytes
    value: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """`text` ends in a newline and is exactly what was signed."""

    text: str
    signatures: tuple[Signature, ...]


def _bad(why: str) -> Refuse:
    return Refuse("note.bad", f"not a signed note: {why}", "get the file again from its source")


def is_key_name(name: str) -> bool:
    """True when `name` is not empty and has no space, plus or control character."""
    return bool(name) and not any(c == "+" or c.isspace() or ord(c) < 0x20 for c in name)


def strict_base64(text: str) -> bytes:
    """Standard base64 with padding, in its only spelling; raises ValueError otherwise."""
    try:
        data = b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise ValueError("not base64") from error
    if b64encode(data).decode("ascii") != text:
        raise ValueError("not the one spelling of this base64")
    return data


def key_id(name: str, public: bytes, kind: int = ED25519) -> bytes:
    """The four bytes that stand for a key in a signature line and in a verifier key."""
    return sha256(name.encode("utf-8") + b"\n" + bytes([kind]) + public).digest()[:4]


def encode_vkey(name: str, public: bytes, kind: int = ED25519) -> str:
    """The verifier key `name+id+base64` of an Ed25519 public key, as Go's sumdb tools spell it."""
    encoded = b64encode(bytes([kind]) + public).decode("ascii")
    return f"{name}+{key_id(name, public, kind).hex()}+{encoded}"


def parse_vkey(vkey: str, kind: int = ED25519) -> tuple[str, bytes]:
    """Name and public key of a verifier key of this signature type; Refuse `key.bad`."""
    advice = "the verifier key is one line, name+id+key; copy it again"
    name, _, rest = vkey.partition("+")
    hex_id, _, encoded = rest.partition("+")
    try:
        data = strict_base64(encoded)
    except ValueError as error:
        raise Refuse("key.bad", f"not a verifier key: {error}", advice) from error
    if not is_key_name(name) or len(data) != 33 or data[0] != kind:
        wanted = "witness's" if kind == COSIGNATURE else "note signer's"
        raise Refuse("key.bad", f"not a {wanted} Ed25519 verifier key", advice)
    if key_id(name, data[1:], kind).hex() != hex_id:
        raise Refuse("key.bad", "the key id does not belong to this name and key", advice)
    return name, data[1:]


def encode(note: Note, limit: int = MAX_NOTE) -> bytes:
    """The bytes of `note`. Raises ValueError for a note that `parse` would refuse."""
    lines = "".join(
        f"{_DASH}{s.name} {b64encode(s.key_id + s.value).decode('ascii')}\n" for s in note.signatures
    )
    data = f"{note.text}\n{lines}".encode()
    try:
        again = parse(data, limit)
    except Refuse as error:
        raise ValueError(error.text) from error
    if again != note:
        raise ValueError("this note has no bytes of its own")
    return data


def parse(data: bytes, limit: int = MAX_NOTE) -> Note:
    """The note in `data`; Refuse `note.bad`. Nothing is verified yet."""
    if len(data) > limit:
        raise _bad(f"longer than {limit} bytes")
    try:
        whole = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _bad("not UTF-8") from error
    if _CONTROL.search(whole):
        raise _bad("it has control characters")
    text, blank, rest = whole.rpartition("\n\n")
    if not blank or not text:
        raise _bad("no blank line before the signatures")
    lines = rest.split("\n")
    if lines[-1] != "" or len(lines) < 2:
        raise _bad("no signature line, or the last one does not end")
    if len(lines) - 1 > MAX_SIGNATURES:
        raise _bad(f"more than {MAX_SIGNATURES} signatures")
    return Note(text=text + "\n", signatures=tuple(_signature(line) for line in lines[:-1]))


def _signature(line: str) -> Signature:
    if not line.startswith(_DASH):
        raise _bad("a signature line does not begin with an em dash and a space")
    name, _, encoded = line.removeprefix(_DASH).partition(" ")
    try:
        value = strict_base64(encoded)
    except ValueError as error:
        raise _bad("a signature is not base64") from error
    if not is_key_name(name) or len(value) < 5:
        raise _bad("a signature line has no proper name or value")
    return Signature(name=name, key_id=value[:4], value=value[4:])
