"""The key schedule and the bulk cipher of an age file: the one place where both sides agree.

Guarantees: one function per derived value of age.md; `PayloadCipher` is the only user of the bulk
cipher. That comes from `cryptography` (OpenSSL), not from the key layer's pycryptodome: at 64 KiB it
does 3.4 GB/s against 0.48 GB/s. Keys can't be wiped from Python's memory; references are dropped early.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable

from Crypto.Hash import SHA256
from Crypto.Protocol.KDF import HKDF
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from agent.formats import bech32
from agent.formats.age_v1 import chunk_nonce


def draw(random: Callable[[int], bytes], count: int) -> bytes:
    """Exactly `count` bytes of `random`; a source that gives another number is a bug of ours."""
    data = random(count)
    if len(data) != count:
        raise RuntimeError("the random source gave a wrong number of bytes")
    return data


def key_bytes(text: str, hrp: str, length: int) -> bytes:
    """The bytes of a key that is spelled under `hrp`. `ValueError` never repeats the text."""
    found, raw = bech32.decode(text)
    if found != hrp or len(raw) != length:
        raise ValueError("it is of another kind or length")
    return raw


def derive(secret: bytes, *, salt: bytes, info: bytes) -> bytes:
    """HKDF-SHA-256 with a 32-byte result, as everywhere in age."""
    key = HKDF(secret, 32, salt, SHA256, 1, info)
    if not isinstance(key, bytes):
        raise RuntimeError("HKDF gave more than one key")
    return key


def header_mac(file_key: bytes, covered: bytes) -> bytes:
    """The MAC over the header bytes up to and including `---`."""
    return hmac.digest(derive(file_key, salt=b"", info=b"header"), covered, "sha256")


class PayloadCipher:
    """Seals or opens single chunks of one file's payload. Counting the chunks is the caller's part."""

    def __init__(self, file_key: bytes, nonce: bytes) -> None:
        self._cipher = ChaCha20Poly1305(derive(file_key, salt=nonce, info=b"payload"))

    def seal(self, counter: int, chunk: bytes | bytearray | memoryview, *, last: bool) -> bytes:
        """Ciphertext and tag of one chunk."""
        return self._cipher.encrypt(chunk_nonce(counter, last=last), chunk, None)

    def open(self, counter: int, sealed: bytes, *, last: bool) -> bytes | None:
        """The chunk's plaintext, or None when it doesn't authenticate at this place."""
        try:
            return self._cipher.decrypt(chunk_nonce(counter, last=last), sealed, None)
        except InvalidTag:
            return None
