"""Sealing against other implementations, the vectors, damage and wrong keys."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pyrage  # type: ignore[import-untyped]
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.formats.age_v1 import CHUNK, TAG
from agent.model.errors import Refuse
from agent.seal.age_reader import open_bytes, open_stream
from agent.seal.age_writer import AgeWriter, seal_bytes
from agent.seal.capsule import make_capsule
from agent.seal.recording_key import new_key_pair

VECTORS = Path(__file__).parents[1] / "vectors" / "sealed-v1"
BORDERS = (0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 2 * CHUNK + 1)
KEY = new_key_pair(os.urandom)
OTHER = new_key_pair(os.urandom)


def read_damaged(data: bytes, *identities: str) -> tuple[bytes, str]:
    """The verified prefix and the refusal's code, `ok` when there is none."""
    at = 0

    def read(count: int) -> bytes:
        nonlocal at
        piece = data[at : at + min(count, 10_007)]  # short reads, as a pipe gives them
        at += len(piece)
        return piece

    verified = bytearray()
    try:
        for chunk in open_stream(read, identities or [KEY.identity]):
            verified += chunk
    except Refuse as error:
        return bytes(verified), error.code
    return bytes(verified), "ok"


def seal_in_parts(plain: bytes, parts: list[int]) -> bytes:
    """`plain` through `update` in pieces of the given sizes, with `flush_full` where that is allowed."""
    writer = AgeWriter([KEY.recipient], os.urandom)
    out = bytearray(writer.begin().data)
    at = 0
    for size in [*parts, len(plain)]:
        piece = writer.update(plain[at : at + size])
        at = min(at + size, len(plain))
        out += piece.data if piece else b""
        flushed = writer.flush_full() if at < len(plain) else None
        out += flushed.data if flushed else b""
    last = writer.finish()
    assert last.final
    return bytes(out + last.data)


def payload_start(sealed: bytes) -> int:
    return sealed.index(b"\n", sealed.index(b"\n---") + 1) + 1 + 16


@pytest.mark.parametrize("size", BORDERS)
def test_pyrage_both_ways(size: int) -> None:
    plain = os.urandom(size)
    sealed = seal_bytes(plain, [OTHER.recipient, KEY.recipient], os.urandom)
    assert pyrage.decrypt(sealed, [pyrage.x25519.Identity.from_str(KEY.identity)]) == plain
    theirs = pyrage.encrypt(plain, [pyrage.x25519.Recipient.from_str(KEY.recipient)])
    assert open_bytes(theirs, [OTHER.identity, KEY.identity]) == plain


@pytest.mark.requires("age")
@pytest.mark.parametrize("size", BORDERS)
def test_stock_age_both_ways(size: int, tmp_path: Path) -> None:
    plain = os.urandom(size)
    key_file = tmp_path / "rk.txt"
    key_file.write_text(KEY.identity + "\n")
    sealed = seal_bytes(plain, [KEY.recipient], os.urandom)
    opened = subprocess.run(["age", "-d", "-i", key_file], input=sealed, capture_output=True, check=True)
    assert opened.stdout == plain
    theirs = subprocess.run(["age", "-r", KEY.recipient], input=plain, capture_output=True, check=True)
    assert open_bytes(theirs.stdout, [KEY.identity]) == plain


@pytest.mark.requires("age")
def test_capsule_then_segment_with_stock_age(tmp_path: Path) -> None:
    custodian, recording = new_key_pair(os.urandom), new_key_pair(os.urandom)
    (tmp_path / "custodian.txt").write_text(f"# custodian\n{custodian.identity}\n")
    (tmp_path / "capsule.age").write_bytes(
        make_capsule(recording.identity, [custodian.recipient, OTHER.recipient], os.urandom)
    )
    (tmp_path / "seg.age").write_bytes(seal_bytes(b"video", [recording.recipient], os.urandom))
    command = "age -d -i custodian.txt capsule.age > rk.txt && age -d -i rk.txt seg.age"
    done = subprocess.run(["sh", "-c", command], cwd=tmp_path, capture_output=True, check=True)
    assert done.stdout == b"video"


@settings(max_examples=60, deadline=None)
@given(
    size=st.one_of(st.sampled_from(BORDERS), st.integers(0, 3 * CHUNK)),
    parts=st.lists(st.sampled_from([0, 1, 1000, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK]), max_size=6),
)
def test_any_split_into_updates_gives_the_same_plaintext(size: int, parts: list[int]) -> None:
    plain = (bytes(range(251)) * (size // 251 + 1))[:size]
    sealed = seal_in_parts(plain, parts)
    assert open_bytes(sealed, [KEY.identity]) == plain
    assert pyrage.decrypt(sealed, [pyrage.x25519.Identity.from_str(KEY.identity)]) == plain
    chunks = max(1, -(-size // CHUNK))
    assert len(sealed) == payload_start(sealed) + size + chunks * TAG


def _interesting_cuts(sealed: bytes) -> Iterator[int]:
    start = payload_start(sealed)
    yield from range(start + TAG + 3)
    for border in range(start, len(sealed), CHUNK + TAG):
        yield from (
            at for step in (-17, -16, -15, -1, 0, 1, 15, 16, 17) if (at := border + step) < len(sealed)
        )
    yield from (len(sealed) - step for step in (1, 15, 16, 17))


@pytest.mark.parametrize("size", [300, CHUNK, 2 * CHUNK, 2 * CHUNK + 300])
def test_a_cut_anywhere_gives_exactly_the_verified_chunks(size: int) -> None:
    plain = os.urandom(size)
    sealed = seal_bytes(plain, [KEY.recipient], os.urandom)
    start = payload_start(sealed)
    for cut in _interesting_cuts(sealed):
        whole = max(0, cut - start) // (CHUNK + TAG)
        assert read_damaged(sealed[:cut]) == (plain[: whole * CHUNK], "seal.truncated"), cut


def test_flipped_bits_are_refused_everywhere() -> None:
    plain = os.urandom(2 * CHUNK + 300)
    sealed = seal_bytes(plain, [KEY.recipient], os.urandom)
    start = payload_start(sealed)
    refused = {"seal.age-header", "seal.no-matching-key", "seal.corrupt", "seal.truncated"}
    for at in range(start - 16):
        for bit in (1, 4, 128):
            verified, code = read_damaged(_flip(sealed, at, bit))
            assert verified == b"", at
            assert code in refused, at
    piece = CHUNK + TAG
    for at, whole, expected in [
        (start - 16, 0, "seal.corrupt"),
        (start - 1, 0, "seal.corrupt"),
        (start, 0, "seal.corrupt"),
        (start + CHUNK + 3, 0, "seal.corrupt"),  # in a tag
        (start + piece, 1, "seal.corrupt"),
        (start + 2 * piece - 1, 1, "seal.corrupt"),
        (start + 2 * piece, 2, "seal.truncated"),  # short and last: can't be told from a cut
        (len(sealed) - 1, 2, "seal.truncated"),
    ]:
        assert read_damaged(_flip(sealed, at, 1)) == (plain[: whole * CHUNK], expected), at


def test_chunks_out_of_place_and_data_after_the_end() -> None:
    plain = os.urandom(3 * CHUNK)
    sealed = seal_bytes(plain, [KEY.recipient], os.urandom)
    start, piece = payload_start(sealed), CHUNK + TAG
    first, second, third = (sealed[start + i * piece : start + (i + 1) * piece] for i in range(3))
    head = sealed[:start]
    assert read_damaged(head + second + first + third) == (b"", "seal.corrupt")
    assert read_damaged(head + first + third) == (plain[:CHUNK], "seal.corrupt")
    assert read_damaged(head + first + first + third) == (plain[:CHUNK], "seal.corrupt")
    assert read_damaged(sealed + b"x") == (plain, "seal.corrupt")  # the last chunk is verified too
    assert read_damaged(seal_bytes(plain[:-2], [KEY.recipient], os.urandom) + b"x")[1] == "seal.truncated"
    assert read_damaged(head + first + bytes(2 * piece)) == (plain[:CHUNK], "seal.corrupt")  # a zeroed tail


def _flip(data: bytes, at: int, bit: int) -> bytes:
    changed = bytearray(data)
    changed[at] ^= bit
    return bytes(changed)


def test_the_wrong_key_and_no_key() -> None:
    sealed = seal_bytes(b"x", [KEY.recipient], os.urandom)
    assert read_damaged(sealed, OTHER.identity) == (b"", "seal.no-matching-key")
    with pytest.raises(Refuse) as caught:
        open_bytes(sealed, [])
    assert caught.value.code == "seal.no-matching-key"


CASES = sorted(folder.name for folder in VECTORS.iterdir() if (folder / "expected.json").exists())


@pytest.mark.parametrize("case", CASES)
def test_vector(case: str) -> None:
    keys = ("identity.txt", "identity-post-quantum.txt")
    identities = [(VECTORS / name).read_text().splitlines()[1] for name in keys]
    expected = json.loads((VECTORS / case / "expected.json").read_text())
    verified, code = read_damaged((VECTORS / case / "sealed.age").read_bytes(), *identities)
    assert code == expected["result"]
    assert (code != "ok") == case.endswith("_fail")
    assert len(verified) == expected["verified_bytes"]
    assert hashlib.sha256(verified).hexdigest() == expected["verified_sha256"]


def test_there_are_vectors_of_both_kinds() -> None:
    assert len(CASES) == 26
    assert sum(case.endswith("_fail") for case in CASES) == 17
    assert sum("hybrid" in case for case in CASES) == 12


def _maker() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_vectors", VECTORS / "make_vectors.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_writer_still_gives_its_vectors_byte_for_byte() -> None:
    maker = _maker()
    for prefix, identity, recipient in (
        ("writer_", maker.IDENTITY, maker.RECIPIENT),
        ("writer_hybrid_", maker.HYBRID_IDENTITY, maker.HYBRID_RECIPIENT),
    ):
        two, capsule = f"{prefix}two_chunks", f"{prefix}capsule"
        made = seal_bytes(maker.TWO, [recipient], maker.counted(two))
        assert made == (VECTORS / two / "sealed.age").read_bytes()
        made = make_capsule(identity, [recipient], maker.counted(capsule))
        assert made == (VECTORS / capsule / "sealed.age").read_bytes()


def test_an_empty_last_chunk_after_others_is_refused() -> None:
    writer = AgeWriter([KEY.recipient], os.urandom)
    data = writer.begin().data
    writer.update(bytes(CHUNK))
    full = writer.flush_full()
    assert full is not None and writer._cipher is not None
    data += full.data + writer._cipher.seal(1, b"", last=True)
    assert read_damaged(data) == (bytes(CHUNK), "seal.corrupt")
