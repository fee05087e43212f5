"""All vectors of C2SP/CCTV age (npm `cctv-age`), whole, against our reader.

Excluded are the kinds of file that we don't read: `armor` and `scrypt` (there are no ssh vectors). Those are
run too: each must be refused with nothing released. The CCTV results are mapped onto our codes literally.
"""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
import zlib
from collections import Counter
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from agent.model.errors import Refuse
from agent.seal.age_reader import open_stream

PROGRAM = Path(__file__).parents[1] / "tools" / "npm" / "cctv.mjs"
pytestmark = pytest.mark.requires("node packages")

EXCLUDED = {"armor": 33, "scrypt": 24}
RUN = 86
FIELDS = {"expect", "compressed", "payload", "identity", "passphrase", "armored", "file key", "comment"}
CODES = {
    "success": {"ok"},
    "no match": {"seal.no-matching-key"},
    "HMAC failure": {"seal.corrupt"},
    "header failure": {"seal.age-header"},
    "payload failure": {"seal.corrupt", "seal.truncated"},
}
# Headers that end too early: we say so, because a power cut leaves such files.
CUT_HEADERS = {"empty", "stream_no_nonce", "stream_short_nonce"}


@dataclass(frozen=True, slots=True)
class Vector:
    """One file and what its head says of it."""

    fields: dict[str, str]
    identities: tuple[str, ...]
    file: bytes

    @property
    def kind(self) -> str:
        """Empty, or why it is excluded."""
        if self.fields.get("armored") == "yes":
            return "armor"
        return "scrypt" if "passphrase" in self.fields and not self.identities else ""


@cache
def vectors() -> dict[str, Vector]:
    done = subprocess.run(["node", str(PROGRAM)], capture_output=True, check=True)
    return {name: _parse(base64.b64decode(text)) for name, text in json.loads(done.stdout).items()}


def _parse(data: bytes) -> Vector:
    head, _, body = data.partition(b"\n\n")
    lines = [line.partition(": ") for line in head.decode("utf-8").split("\n")]
    fields = {name: value for name, _, value in lines}
    assert set(fields) <= FIELDS
    if "compressed" in fields:
        assert fields["compressed"] == "zlib"
        body = zlib.decompress(body)
    return Vector(fields, tuple(value for name, _, value in lines if name == "identity"), body)


def read(vector: Vector) -> tuple[str, bytes]:
    """Our code, and everything that was released before it."""
    at = 0

    def some(count: int) -> bytes:
        nonlocal at
        piece = vector.file[at : at + min(count, 8191)]
        at += len(piece)
        return piece

    released = bytearray()
    try:
        for chunk in open_stream(some, vector.identities):
            released += chunk
    except Refuse as error:
        return error.code, bytes(released)
    return "ok", bytes(released)


def wrong(name: str, vector: Vector) -> str | None:
    """What our reader says otherwise than the vector; None when they agree."""
    expected = CODES[vector.fields["expect"]]
    if name in CUT_HEADERS:
        expected = {"seal.truncated"}
    code, released = read(vector)
    if code not in expected:
        return f"{name}: {code} instead of {vector.fields['expect']}"
    digest = vector.fields.get("payload", hashlib.sha256().hexdigest())
    if hashlib.sha256(released).hexdigest() != digest:
        return f"{name}: {len(released)} bytes released, not those of the vector"
    return None


def test_every_vector_of_the_kinds_that_we_read() -> None:
    run = {name: vector for name, vector in vectors().items() if not vector.kind}
    assert len(run) == RUN
    assert [text for name, vector in run.items() if (text := wrong(name, vector))] == []


def test_what_is_excluded_is_known_and_refused() -> None:
    excluded = {name: vector for name, vector in vectors().items() if vector.kind}
    assert Counter(vector.kind for vector in excluded.values()) == EXCLUDED
    assert all(name.startswith(vector.kind) for name, vector in excluded.items())
    for name, vector in excluded.items():
        code, released = read(vector)
        assert (code in {"seal.age-header", "seal.no-matching-key"}, released) == (True, b""), name


def test_the_suites_are_both_there() -> None:
    names = [name for name, vector in vectors().items() if not vector.kind]
    assert sum(name.startswith("hybrid") for name in names) == 18
    assert sum(name.startswith("x25519") for name in names) == 14
    assert sum(name.startswith("stream") for name in names) == 28
