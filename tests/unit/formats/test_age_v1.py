"""The age header: exact bytes, one-to-one with its values, every malformation refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.formats import age_v1
from agent.formats.age_v1 import Header, Stanza
from agent.model.errors import Refuse

SHARE = "XEl0dJ6y3C7KZkgmgWUicg63EyXJiwBJW8PdYJ/cYBE"
BODY = "qRS0AMjdjPvZ/WT08U2KL4G+PIooA3hy38SvLpvaC1E"
MAC = "HK2NmOBN9Dpq0Gw6xMCuhFcQlQLvZ/wQUi/2scLG75s"
GOOD = f"age-encryption.org/v1\n-> X25519 {SHARE}\n{BODY}\n--- {MAC}\n"  # the example of age.md
FULL = "A" * 64

_ARGUMENT = st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=40)
_STANZA = st.builds(Stanza, _ARGUMENT, st.lists(_ARGUMENT, max_size=3).map(tuple), st.binary(max_size=200))
_HEADER = st.builds(
    Header, st.lists(_STANZA, min_size=1, max_size=4).map(tuple), st.binary(min_size=32, max_size=32)
)


def test_the_example_of_the_specification() -> None:
    header = age_v1.parse(GOOD.encode())
    assert [(s.type, s.args, len(s.body)) for s in header.stanzas] == [("X25519", (SHARE,), 32)]
    assert age_v1.encode(header) == GOOD.encode()
    assert age_v1.covered(header.stanzas) == GOOD.encode().partition(b" " + MAC.encode())[0]


@given(_HEADER)
def test_round_trip(header: Header) -> None:
    data = age_v1.encode(header)
    assert age_v1.parse(data) == header
    assert age_v1.header_end(data + b"payload\n--- more\n") == len(data)
    assert age_v1.header_end(data[:-1]) is None


@given(st.data())
def test_whatever_parses_encodes_to_the_same_bytes(data: st.DataObject) -> None:
    raw = bytearray(age_v1.encode(data.draw(_HEADER)))
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at] = data.draw(st.sampled_from([*b" \n\r-=>A/+z", 0, 255]))
    try:
        header = age_v1.parse(bytes(raw))
    except Refuse as error:
        assert error.code == "seal.age-header"
    else:
        assert age_v1.encode(header) == raw


@pytest.mark.parametrize("size", [0, 1, 47, 48, 49, 96])
def test_a_body_ends_with_a_short_line(size: int) -> None:
    data = age_v1.covered((Stanza("t", (), b"\0" * size),))
    last_line = data.split(b"\n")[-2]
    assert len(last_line) < 64
    assert (last_line == b"") == (size % 48 == 0)


def _with_body(body: str) -> str:
    return GOOD.replace(BODY, body)


BAD = {
    "empty": "",
    "other version": GOOD.replace("/v1", "/v2"),
    "longer version": GOOD.replace("/v1", "/v1.1"),
    "carriage returns": GOOD.replace("\n", "\r\n"),
    "leading space": " " + GOOD,
    "leading line": "\n" + GOOD,
    "no stanza": f"age-encryption.org/v1\n--- {MAC}\n",
    "no stanza body": f"age-encryption.org/v1\n-> X25519 {SHARE}\n--- {MAC}\n",
    "stanza without type": GOOD.replace(f"-> X25519 {SHARE}", "-> "),
    "stanza arrow alone": GOOD.replace(f"-> X25519 {SHARE}", "->"),
    "no space after arrow": GOOD.replace("-> ", "->"),
    "two spaces after arrow": GOOD.replace("-> ", "->  "),
    "two spaces between": GOOD.replace("X25519 ", "X25519  "),
    "space at line end": GOOD.replace(SHARE, SHARE + " "),
    "tab in argument": GOOD.replace("X25519 ", "X25519\t"),
    "not ASCII argument": GOOD.replace("X25519", "X25519ß"),
    "padded body": _with_body(BODY + "="),
    "unused bits set": _with_body(BODY[:-1] + "F"),
    "other alphabet": _with_body(BODY.replace("/", "_")),
    "not ASCII body": _with_body("é" + BODY[1:]),
    "space in body": _with_body(BODY[:-1] + " "),
    "impossible length": _with_body("AAAAA"),
    "long line": _with_body(FULL + "A"),
    "long line then a short one": _with_body(FULL + "AAAA\nAAAA"),
    "full line without final line": _with_body(FULL),
    "short line then more": _with_body("AAAA\nAAAA"),
    "blank line before the end": _with_body(BODY + "\n"),
    "no MAC line": GOOD.partition("---")[0],
    "MAC missing": GOOD.replace(f"--- {MAC}", "---"),
    "MAC empty": GOOD.replace(MAC, ""),
    "MAC without space": GOOD.replace("--- ", "---"),
    "MAC with two spaces": GOOD.replace("--- ", "---  "),
    "MAC with space after": GOOD.replace(MAC, MAC + " "),
    "MAC short": GOOD.replace(MAC, MAC[:-4]),
    "MAC long": GOOD.replace(MAC, MAC + "AAAA"),
    "MAC padded": GOOD.replace(MAC, MAC + "="),
    "MAC unused bits set": GOOD.replace(MAC, MAC[:-1] + "t"),
    "four dashes": GOOD.replace("---", "----"),
    "no final line feed": GOOD[:-1],
    "data after the MAC": GOOD + "x\n",
    "second MAC": GOOD + f"--- {MAC}\n",
    "too many stanzas": GOOD.replace("---", "-> a\n\n" * age_v1.MAX_STANZAS + "---"),
    "too long": GOOD.replace("---", "-> a\n" + (FULL + "\n") * 2100 + "\n---"),
}


@pytest.mark.parametrize("name", BAD)
def test_malformed(name: str) -> None:
    assert BAD[name] != GOOD
    with pytest.raises(Refuse) as caught:
        age_v1.parse(BAD[name].encode())
    assert caught.value.code == "seal.age-header"


def test_header_end_gives_up_early() -> None:
    for data in (b"x", b"age-encryption.org/v2", b"age-encryption.org/v1\r", b"-----BEGIN AGE"):
        with pytest.raises(Refuse, match="not an age v1 file"):
            age_v1.header_end(data)
    assert age_v1.header_end(b"") is None
    with pytest.raises(Refuse, match="longer than"):
        age_v1.header_end(b"age-encryption.org/v1\n" + b"A" * age_v1.MAX_HEADER)


@pytest.mark.parametrize(
    "header",
    [
        Header((), bytes(32)),
        Header((Stanza("a", (), b""),), bytes(31)),
        Header((Stanza("", (), b""),), bytes(32)),
        Header((Stanza("a b", (), b""),), bytes(32)),
        Header((Stanza("a", ("ü",), b""),), bytes(32)),
        Header((Stanza("a", ("x\n",), b""),), bytes(32)),
        Header((Stanza("a", (), b""),) * 65, bytes(32)),
        Header((Stanza("a", (), bytes(140_000)),), bytes(32)),
    ],
)
def test_encode_never_makes_what_parse_refuses(header: Header) -> None:
    with pytest.raises(Refuse):
        age_v1.encode(header)


def test_chunk_nonces() -> None:
    assert age_v1.chunk_nonce(0, last=False) == bytes(12)
    assert age_v1.chunk_nonce(258, last=True) == bytes(9) + b"\x01\x02\x01"
