"""Bech32: age's published pair, round trips, and that refusals don't repeat their input."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.formats import bech32

IDENTITY = "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX"


def test_the_published_identity_of_age() -> None:
    assert bech32.decode(IDENTITY) == ("AGE-SECRET-KEY-", b"\x42" * 32)
    assert bech32.encode("AGE-SECRET-KEY-", b"\x42" * 32) == IDENTITY


@pytest.mark.parametrize("text", ["A12UEL5L", "a12uel5l", "?1ezyfcl"])
def test_valid_empty_strings_of_bip173(text: str) -> None:
    hrp, data = bech32.decode(text)
    assert data == b""
    assert bech32.encode(hrp, data) == text


@given(data=st.binary(max_size=1300), hrp=st.sampled_from(["age", "age1pq", "AGE-SECRET-KEY-", "a1b"]))
def test_round_trip(data: bytes, hrp: str) -> None:
    text = bech32.encode(hrp, data)
    assert bech32.decode(text) == (hrp, data)
    assert bech32.hrp_of(text) == hrp


@given(at=st.integers(0, len(IDENTITY) - 1), letter=st.sampled_from("QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L1B \n~"))
def test_one_changed_letter_is_refused_without_repeating_the_text(at: int, letter: str) -> None:
    changed = IDENTITY[:at] + letter + IDENTITY[at + 1 :]
    if changed == IDENTITY:
        return
    with pytest.raises(ValueError) as caught:
        bech32.decode(changed)
    assert changed[15:30] not in str(caught.value)
    assert IDENTITY[20:40] not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1",
        "age",
        "1qqqqqq",
        "age1",
        "age1qqqqq",
        "pzry9x0s0muk",  # no separator
        "1pzry9x0s0muk",  # empty human-readable part
        "x1b4n0q5v",  # a letter outside the alphabet
        "A1G7SGD8",  # checksum over the upper-case spelling
        "de1lg7wt\xff",
        "\x201nwldj5",
        "\x7f1axkwrx",
        "Age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj",
        "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwJ",
        "age1" + "q" * 9000,
    ],
)
def test_malformed(text: str) -> None:
    with pytest.raises(ValueError):
        bech32.decode(text)


def test_unused_bits_and_surplus_letters_are_refused() -> None:
    for values in ([1], [0], [0, 1], [0, 0, 0]):
        state = bech32._polymod([*bech32._expand("age"), *values, 0, 0, 0, 0, 0, 0]) ^ 1
        check = [state >> 5 * (5 - i) & 31 for i in range(6)]
        text = "age1" + "".join(bech32._ALPHABET[v] for v in [*values, *check])
        with pytest.raises(ValueError, match=r"unused bits|too many"):
            bech32.decode(text)


@pytest.mark.parametrize("hrp", ["", "Age", "a b", "ä"])
def test_bad_human_readable_part(hrp: str) -> None:
    with pytest.raises(ValueError):
        bech32.encode(hrp, b"")
