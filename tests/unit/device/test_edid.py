"""EDID: two real ones, one made by hand, and damaged ones.

The real ones are published by their owners in a display configuration: the panel of a laptop (InfoVision,
one block) and a BenQ monitor on HDMI (two blocks).
"""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.device.edid import BLOCK, DetailedTiming, Edid, parse_edid
from agent.model.errors import Refuse

PANEL = bytes.fromhex(
    "00ffffffffffff0026cfe30400000000001a0104951c10780a123091565392281e505400000001010101010101010101"
    "0101010101010d1e56c25000363030203c00159c10000019000000000000000000000000000000000000000000fe0049"
    "6e666f566973696f6e0a2020000000fe004d3132354e574e31205231200a0041"
)
MONITOR = bytes.fromhex(
    "00ffffffffffff0009d11b8045540000251b010380351e78260cd5a9554ca1250d5054a56b80818081c08100a9c0b300"
    "d1c001010101565e00a0a0a02950302035000f282100001a000000ff0044394830303535383031390a20000000fd0032"
    "4c1e591b000a202020202020000000fc0042656e51204c43440a202020200158020322f14f901f051404130312071615"
    "01061102230907078301000065030c001000023a801871382d40582c450056502100001f011d8018711c1620582c2500"
    "56502100009f011d007251d01e206e28550056502100001e8c0ad08a20e02d10103e9600565021000018000000000000"
    "00000000000000000000000000000047"
)


def block(
    *, maker: int = 0x0421, product: int = 0x1234, timing: bytes = bytes(18), second: bytes = bytes(18)
) -> bytes:
    """One block with a right checksum; 0x0421 is AAA."""
    data = bytearray(BLOCK)
    data[:8] = bytes.fromhex("00ffffffffffff00")
    data[8:10] = maker.to_bytes(2, "big")
    data[10:12] = product.to_bytes(2, "little")
    data[18:20] = b"\x01\x04"
    data[54:72] = timing
    data[72:90] = second
    data[127] = -sum(data) % 256
    return bytes(data)


def test_a_laptop_panel() -> None:
    edid = parse_edid(PANEL)
    assert (edid.maker, edid.product, edid.key) == ("IVO", 0x04E3, "IVO:04e3")
    assert (edid.serial, edid.year, edid.version, edid.name, edid.extensions) == (0, 2016, (1, 4), "", 0)
    assert edid.preferred is not None
    assert (edid.preferred.width, edid.preferred.height) == (1366, 768)
    assert round(float(edid.preferred.rate), 2) == 59.99


def test_a_monitor_with_an_extension() -> None:
    edid = parse_edid(MONITOR)
    assert (edid.key, edid.name, edid.serial, edid.week, edid.year) == (
        "BNQ:801b",
        "BenQ LCD",
        0x5445,
        37,
        2017,
    )
    assert edid.extensions == 1
    assert edid.preferred is not None
    assert (edid.preferred.width, edid.preferred.height) == (2560, 1440)
    assert round(float(edid.preferred.rate), 2) == 59.95


def test_an_interlaced_timing_counts_whole_pictures() -> None:
    # 1920x1080i50 of CEA-861: 74.25 MHz, 2640 x 562.5 lines a field, 25 pictures a second.
    timing = bytes.fromhex("011d80d0721c1620102c258000000000009e")
    edid = parse_edid(block(timing=timing))
    assert edid.preferred == DetailedTiming(
        width=1920, height=1080, rate=Fraction(25), is_interlaced=True, pixel_clock_hz=74_250_000
    )


def test_a_name_is_read_from_any_descriptor_and_made_printable() -> None:
    name = b"\0\0\0\xfc\0" + b"Tower \x07\xff 3\n   "[:13]
    edid = parse_edid(block(second=name.ljust(18, b" ")))
    assert edid.name == "Tower ?? 3"
    assert edid.preferred is None


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "not a whole number of 128-byte blocks"),
        (PANEL[:-1], "not a whole number"),
        (b"\1" + PANEL[1:], "begin with the EDID header"),
        (PANEL[:-1] + b"\0", "the checksum of block 0"),
        (MONITOR[:-1] + b"\0", "the checksum of block 1"),
        (MONITOR[:BLOCK], "says that it has 1 extensions, and has 0"),
        (block(maker=0x0020), "the maker is no three letters"),
        (block(maker=0x8421), "the maker is no three letters"),
    ],
)
def test_what_is_damaged_is_refused(data: bytes, why: str) -> None:
    with pytest.raises(Refuse) as refused:
        parse_edid(data)
    assert refused.value.code == "edid.invalid"
    assert why in refused.value.text


@given(st.binary(min_size=BLOCK - 9, max_size=BLOCK - 9))
def test_any_block_with_a_right_checksum_is_read_or_refused(body: bytes) -> None:
    data = bytes.fromhex("00ffffffffffff00") + body
    data += bytes([-sum(data) % 256])
    try:
        assert isinstance(parse_edid(data), Edid)
    except Refuse as refused:
        assert refused.code == "edid.invalid"
