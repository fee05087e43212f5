"""The container of several custodians' alternatives: one spelling, read by tar, every other one refused."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.formats import capsule_v1
from agent.formats.capsule_v1 import MAX_CONTAINER, Alternative, decode, encode, fingerprint
from agent.model.errors import Refuse

A, B, C = "a" * 12, "b" * 12, "c" * 12
TWO = (Alternative(keys=(A, B), sealed=b"one"), Alternative(keys=(A, C), sealed=bytes(512)))
GOOD = encode(TWO)
_KEYS = st.lists(st.text("0123456789abcdef", min_size=12, max_size=12), min_size=2, max_size=7, unique=True)


def refused(data: bytes) -> str:
    with pytest.raises(Refuse) as caught:
        decode(data)
    assert caught.value.code == "seal.bad-container"
    return caught.value.text


def tar_of(
    name: str, change: Callable[[tarfile.TarInfo], None] = lambda _: None, body: bytes = b"x"
) -> bytes:
    """What another writer makes of one member."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        info = tarfile.TarInfo(name)
        info.size = len(body)
        change(info)
        archive.addfile(info, io.BytesIO(body))
    return buffer.getvalue()


def test_tar_reads_it() -> None:
    with tarfile.open(fileobj=io.BytesIO(GOOD), mode="r:") as archive:
        members = archive.getmembers()
        assert [member.name for member in members] == [f"{A}+{B}.age", f"{A}+{C}.age"]
        assert {(one.mode, one.uid, one.mtime, one.type) for one in members} == {(0o400, 0, 0, b"0")}
        read = archive.extractfile(members[0])
        assert read is not None and read.read() == b"one"
    assert capsule_v1.looks_like_one(GOOD)
    assert decode(GOOD) == TWO


@given(st.lists(st.tuples(_KEYS, st.binary(max_size=1200)), min_size=1, max_size=5))
def test_one_spelling(rows: list[tuple[list[str], bytes]]) -> None:
    size = len(rows[0][0])
    made = [Alternative(keys=tuple(keys), sealed=body) for keys, body in rows if len(keys) == size]
    if len({frozenset(one.keys) for one in made}) == len(made):
        assert decode(encode(made)) == tuple(made)


@given(st.integers(0, len(GOOD) - 1), st.integers(1, 255))
def test_no_changed_byte_outside_the_contents_goes_unseen(at: int, change: int) -> None:
    damaged = bytearray(GOOD)
    damaged[at] ^= change
    try:
        found = decode(bytes(damaged))
    except Refuse as error:
        assert error.code == "seal.bad-container"
        return
    assert [one.keys for one in found] == [one.keys for one in TWO]
    assert found != TWO


@pytest.mark.parametrize("length", [*range(0, len(GOOD), 97), 512, 1024, len(GOOD) - 512, len(GOOD) - 1])
def test_cut_short(length: int) -> None:
    refused(GOOD[:length])


def test_over_long() -> None:
    assert "bytes" in refused(bytes(MAX_CONTAINER + 1))
    refused(GOOD + b"\0")
    refused(GOOD + GOOD)


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/passwd", f"/{A}+{B}.age", f"{A}+{B}.age/..", f"x/{A}+{B}.age", f"{A}.age", f"{A}+{B}", "",
        f"{A}+{B[:-1]}.age", f"{A.upper()}+{B}.age", f"{A}++{B}.age", f"{A}+{B}.age\n", "+" * 99,
    ],
)  # fmt: skip
def test_names_that_are_no_fingerprints_are_refused(name: str) -> None:
    def as_ours(info: tarfile.TarInfo) -> None:
        info.mode = 0o400

    assert "no member" in refused(tar_of(name, as_ours))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.CHRTYPE])
def test_members_that_are_no_files_are_refused(kind: bytes) -> None:
    def change(info: tarfile.TarInfo) -> None:
        info.mode, info.type, info.linkname = 0o400, kind, "/etc/passwd"

    refused(tar_of(f"{A}+{B}.age", change))


def test_another_writers_spelling_is_refused() -> None:
    def change(info: tarfile.TarInfo) -> None:
        info.mode, info.mtime = 0o400, 1

    assert "spelled" in refused(tar_of(f"{A}+{B}.age", change))


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([], "no alternative"),
        ([(A, B), (A, B)], "comes twice"),
        ([(A, B), (B, A)], "comes twice"),
        ([(A, A)], "twice in one"),
        ([(A, B), (A, B, C)], "different numbers"),
    ],
)
def test_alternatives_that_do_not_fit_together(rows: list[tuple[str, ...]], words: str) -> None:
    members = b"".join(encode_one(Alternative(keys=keys, sealed=b"x")) for keys in rows)
    assert words in refused(members + bytes(1024))
    with pytest.raises(RuntimeError, match=words):
        encode([Alternative(keys=keys, sealed=b"x") for keys in rows])


def encode_one(one: Alternative) -> bytes:
    """One member without the end, made by a rename of a good one."""
    donor = encode([Alternative(keys=tuple(f"{n:012x}" for n in range(len(one.keys))), sealed=one.sealed)])
    header = bytearray(donor[:512])
    header[:100] = one.name.encode().ljust(100, b"\0")
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header) + donor[512:-1024]


def test_too_many_alternatives() -> None:
    rows = [Alternative(keys=(A, f"{number:012x}"), sealed=b"") for number in range(65)]
    assert "64" in refused(b"".join(encode_one(one) for one in rows) + bytes(1024))


def test_a_fingerprint_is_what_sha256sum_says() -> None:
    text = "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj"
    assert fingerprint(text) == sha256(text.encode()).hexdigest()[:12]
