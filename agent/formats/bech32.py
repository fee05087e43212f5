"""Bech32 (BIP 173) as age uses it: any length, one case.

Guarantees: `decode(encode(hrp, data)) == (hrp, data)`, and `decode` accepts only what `encode` makes.
A `ValueError` never contains the text that was refused: it may be a private key.
"""

from __future__ import annotations

from functools import reduce
from operator import xor

_ALPHABET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_VALUES = {letter: value for value, letter in enumerate(_ALPHABET)}
_GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
# What each value of the five top bits adds: one look-up instead of five tests, for keys of 1 959 letters.
_STEPS = tuple(
    reduce(xor, (factor for i, factor in enumerate(_GENERATOR) if top >> i & 1), 0) for top in range(32)
)
_CHECKSUM_LEN = 6
MAX_LEN = 8192


def encode(hrp: str, data: bytes) -> str:
    """`data` under the human-readable part `hrp`. An upper-case `hrp` gives an upper-case text."""
    _check_hrp(hrp)
    low = hrp.lower()
    values = _to_fives(data)
    state = _polymod(_expand(low) + values + [0] * _CHECKSUM_LEN) ^ 1
    check = [state >> 5 * (5 - i) & 31 for i in range(_CHECKSUM_LEN)]
    text = low + "1" + "".join(_ALPHABET[v] for v in values + check)
    return text if hrp == low else text.upper()


def decode(text: str) -> tuple[str, bytes]:
    """The human-readable part, in the case of `text`, and the data. `ValueError` if anything is off."""
    if len(text) > MAX_LEN:
        raise ValueError("too long")
    if text not in (text.lower(), text.upper()):
        raise ValueError("upper and lower case are mixed")
    split = text.rfind("1")
    if split < 1 or split + 1 + _CHECKSUM_LEN > len(text):
        raise ValueError("the separator is missing or misplaced")
    hrp, tail = text[:split], text[split + 1 :].lower()
    _check_hrp(hrp)
    try:
        values = [_VALUES[letter] for letter in tail]
    except KeyError:
        raise ValueError("a letter is not of the alphabet") from None
    if _polymod(_expand(hrp.lower()) + values) != 1:
        raise ValueError("the checksum is wrong")
    return hrp, _from_fives(values[:-_CHECKSUM_LEN])


def hrp_of(text: str) -> str:
    """The human-readable part of `text`, unchecked; empty when there is no separator."""
    return text[: max(text.rfind("1"), 0)]


def _check_hrp(hrp: str) -> None:
    if not hrp or any(not 33 <= ord(letter) <= 126 for letter in hrp):
        raise ValueError("the human-readable part is empty or not printable")
    if hrp not in (hrp.lower(), hrp.upper()):
        raise ValueError("upper and lower case are mixed")


def _polymod(values: list[int]) -> int:
    state = 1
    for value in values:
        state = (state & 0x1FFFFFF) << 5 ^ value ^ _STEPS[state >> 25]
    return state


def _expand(hrp: str) -> list[int]:
    return [ord(letter) >> 5 for letter in hrp] + [0] + [ord(letter) & 31 for letter in hrp]


def _to_fives(data: bytes) -> list[int]:
    padded = -len(data) * 8 % 5
    count = (len(data) * 8 + padded) // 5
    number = int.from_bytes(data, "big") << padded
    return [number >> 5 * (count - 1 - i) & 31 for i in range(count)]


def _from_fives(values: list[int]) -> bytes:
    padded = len(values) * 5 % 8
    if padded >= 5:
        raise ValueError("there is a letter too many")
    number = 0
    for value in values:
        number = number << 5 | value
    if number & (1 << padded) - 1:
        raise ValueError("the unused bits are not zero")
    return (number >> padded).to_bytes(len(values) * 5 // 8, "big")
