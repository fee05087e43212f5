"""The sealing path of a segment without its disk: age writer and SHA-256, with either bulk engine; and what a
header costs in each suite.

Guarantees: the same plaintext, engines and suites alternate; times are of the process's own processor
clock. Leaves out files: `stages.py` has them.
"""

from __future__ import annotations

import hashlib
import os
import time
from dataclasses import dataclass
from unittest.mock import patch

from Crypto.Cipher import ChaCha20_Poly1305

from agent.formats.age_v1 import CHUNK, chunk_nonce
from agent.seal import age_keys, suites
from agent.seal.age_writer import AgeWriter
from agent.seal.recording_key import new_key_pair

_CHUNKS = 512
_HEADERS = 50


class SlowCipher:
    """`PayloadCipher` with pycryptodome as its engine."""

    def __init__(self, file_key: bytes, nonce: bytes) -> None:
        self._key = age_keys.derive(file_key, salt=nonce, info=b"payload")

    def seal(self, counter: int, chunk: bytes | bytearray | memoryview, *, last: bool) -> bytes:
        """One chunk and its tag."""
        cipher = ChaCha20_Poly1305.new(key=self._key, nonce=chunk_nonce(counter, last=last))
        sealed, tag = cipher.encrypt_and_digest(bytes(chunk))
        return bytes(sealed) + bytes(tag)


@dataclass(frozen=True, slots=True, kw_only=True)
class Path:
    """GB of plaintext per CPU second, of each round."""

    engine: str
    rounds: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """Bytes of header and payload nonce for one recipient, and milliseconds of CPU of each round."""

    suite: str
    size_bytes: int
    rounds: tuple[float, ...]


def paths(rounds: int) -> list[Path]:
    """The whole path with each engine."""
    fast: list[float] = []
    slow: list[float] = []
    for _ in range(rounds):
        fast.append(_path_speed())
        with patch("agent.seal.age_writer.PayloadCipher", SlowCipher):
            slow.append(_path_speed())
    return [Path(engine="cryptography", rounds=tuple(fast)), Path(engine="pycryptodome", rounds=tuple(slow))]


def headers(rounds: int) -> list[Header]:
    """One header of each suite."""
    found = []
    for suite in suites.SUITES:
        recipient = new_key_pair(os.urandom, suite.NAME).recipient
        size = len(AgeWriter([recipient], os.urandom).begin().data)
        times = tuple(_header_ms(recipient) for _ in range(rounds))
        found.append(Header(suite=suite.NAME, size_bytes=size, rounds=times))
    return found


def _path_speed() -> float:
    recipient = new_key_pair(os.urandom, suites.SUITES[0].NAME).recipient
    chunk = os.urandom(CHUNK)
    writer, digest = AgeWriter([recipient], os.urandom), hashlib.sha256()
    digest.update(writer.begin().data)
    started = time.process_time()
    for _ in range(_CHUNKS):
        if (piece := writer.update(chunk)) is not None:
            digest.update(piece.data)
    digest.update(writer.finish().data)
    return _CHUNKS * CHUNK / (time.process_time() - started) / 1e9


def _header_ms(recipient: str) -> float:
    started = time.process_time()
    for _ in range(_HEADERS):
        AgeWriter([recipient], os.urandom).begin()
    return (time.process_time() - started) / _HEADERS * 1e3
