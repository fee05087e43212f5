"""What a sealed file shows without a key: suite and number of recipients of files of all suites."""

from __future__ import annotations

import io
import os

import pytest

from agent.formats import age_v1
from agent.formats.age_v1 import Header, Stanza
from agent.model.errors import Refuse
from agent.seal import suites
from agent.seal.age_writer import seal_bytes
from agent.seal.outside import Outside, look_at
from agent.seal.recording_key import new_key_pair


def sealed(suite: str, recipients: int) -> bytes:
    keys = [new_key_pair(os.urandom, suite).recipient for _ in range(recipients)]
    return seal_bytes(b"x", keys, os.urandom, suite)


def looked_at(data: bytes) -> Outside | None:
    return look_at(io.BytesIO(data).read)


def refused(data: bytes) -> str:
    with pytest.raises(Refuse) as caught:
        looked_at(data)
    return caught.value.code


@pytest.mark.parametrize("suite", [suite.NAME for suite in suites.SUITES])
@pytest.mark.parametrize("recipients", [1, 3])
def test_suite_and_recipients_show_and_the_payload_is_not_needed(suite: str, recipients: int) -> None:
    data = sealed(suite, recipients)
    end = age_v1.header_end(data)
    assert end is not None
    assert looked_at(data) == looked_at(data[:end]) == Outside(suite, recipients)
    assert looked_at(data[: end - 1]) is None


@pytest.mark.parametrize("size_bytes", [0, 5, 30])
def test_a_file_that_ends_in_its_header_shows_nothing(size_bytes: int) -> None:
    assert looked_at(sealed("age-x25519", 1)[:size_bytes]) is None


def test_few_bytes_at_a_time_show_the_same() -> None:
    stream = io.BytesIO(sealed("age-mlkem768x25519", 2))
    assert look_at(lambda _count: stream.read(7)) == Outside("age-mlkem768x25519", 2)


def header(*stanzas: Stanza) -> bytes:
    return age_v1.encode(Header(stanzas, bytes(32)))


def test_mixed_and_unknown_stanzas_are_refused() -> None:
    known = Stanza("X25519", ("x",), bytes(32))
    assert refused(header(known, Stanza("mlkem768x25519", ("x",), bytes(32)))) == "seal.unknown-suite"
    assert refused(header(Stanza("scrypt", ("x",), bytes(32)))) == "seal.unknown-suite"
    assert looked_at(header(known, known)) == Outside("age-x25519", 2)


@pytest.mark.parametrize(
    "data", [bytes(40), b"-----BEGIN AGE ENCRYPTED FILE-----\n", b"age-encryption.org/v2\n" + bytes(200_000)]
)
def test_what_is_no_header_is_refused(data: bytes) -> None:
    assert refused(data) == "seal.age-header"


def test_a_header_that_never_ends_is_refused_before_it_is_all_read() -> None:
    stream = io.BytesIO(b"age-encryption.org/v1\n" + b"-> X25519 x\n" * 100_000)
    with pytest.raises(Refuse) as caught:
        look_at(stream.read)
    assert caught.value.code == "seal.age-header"
    assert stream.tell() <= age_v1.MAX_HEADER + 4096
