"""Bits and NAL units shared by H.264 and H.265.

Guarantees: work is bounded for any input: at most 4096 units of a packet are looked at, and of each unit
at most its first 4096 bytes. Everything wrong with a parameter set is a `BadBits`, which
`first_picture_size` turns into `Refuse("media.bad-sps")`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction
from itertools import islice

from agent.model.errors import Refuse

MAX_UNITS = 4096
MAX_UNIT_BYTES = 4096
MAX_SIDE = 32768

_START = b"\x00\x00\x01"
_EXTENDED_SAR = 255
# Table E-1 of both standards, from aspect_ratio_idc 1 on.
_SAR = tuple(
    Fraction(x, y)
    for x, y in (
        (1, 1), (12, 11), (10, 11), (16, 11), (40, 33), (24, 11), (20, 11), (32, 11),
        (80, 33), (18, 11), (15, 11), (64, 33), (160, 99), (4, 3), (3, 2), (2, 1),
    )
)  # fmt: skip
# SubWidthC and SubHeightC by chroma_format_idc (monochrome, 4:2:0, 4:2:2, 4:4:4).
CHROMA_UNITS = ((1, 1), (2, 2), (2, 1), (1, 1))


@dataclass(frozen=True, slots=True)
class PictureSize:
    """What a sequence parameter set says. Width and height are cropped, as a player shows them.

    `sar` is the pixel aspect, `full_range` the colour range and `interlaced` whether pictures may be coded
    as two fields; None when the stream doesn't say.
    """

    width: int
    height: int
    profile_idc: int
    level_idc: int
    sar: Fraction | None
    full_range: bool | None
    interlaced: bool | None


class BadBits(ValueError):
    """The bits end early or hold a value that the standard forbids. Never leaves this package."""


class UnitKind(Enum):
    """What a NAL unit is, as far as we care."""

    PARAMETERS = "sps"
    PICTURE = "picture"
    OTHER = "other"


class BitReader:
    """Reads big-endian bits and Exp-Golomb codes; raises `BadBits` at the end of the data."""

    __slots__ = ("_left", "_value")

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data, "big")
        self._left = 8 * len(data)

    def bits(self, count: int) -> int:
        """The next `count` bits as an unsigned number."""
        self._left -= count
        if self._left < 0:
            raise BadBits("the parameter set ends early")
        return self._value >> self._left & (1 << count) - 1

    def flag(self) -> bool:
        """The next bit."""
        return self.bits(1) == 1

    def ue(self, highest: int = (1 << 32) - 2) -> int:
        """An unsigned Exp-Golomb code that may be at most `highest`."""
        zeros = 0
        while not self.bits(1):
            zeros += 1
            if zeros > 31:
                raise BadBits("an Exp-Golomb code is too long")
        value = (1 << zeros) - 1 + self.bits(zeros)
        if value > highest:
            raise BadBits(f"{value} is over the limit of {highest}")
        return value

    def se(self) -> int:
        """A signed Exp-Golomb code."""
        code = self.ue()
        return (code + 1) // 2 if code & 1 else -(code // 2)


def cropped(coded: int, unit: int, before: int, after: int) -> int:
    """`coded` samples less the cropping on both sides, counted in `unit` samples."""
    side = coded - unit * (before + after)
    if not 0 < side <= MAX_SIDE:
        raise BadBits(f"a picture side of {side} samples is not possible")
    return side


def aspect_and_range(bits: BitReader) -> tuple[Fraction | None, bool | None]:
    """Pixel aspect and colour range from the start of a VUI, which is the same in both standards."""
    sar: Fraction | None = None
    full_range: bool | None = None
    if bits.flag():  # aspect_ratio_info_present_flag
        idc = bits.bits(8)
        if idc == _EXTENDED_SAR:
            x, y = bits.bits(16), bits.bits(16)
            sar = Fraction(x, y) if x and y else None
        elif 1 <= idc <= len(_SAR):
            sar = _SAR[idc - 1]
    if bits.flag():  # overscan_info_present_flag
        bits.flag()
    if bits.flag():  # video_signal_type_present_flag
        bits.bits(3)
        full_range = bits.flag()
    return sar, full_range


def nal_units(packet: bytes) -> Iterator[bytes]:
    """The NAL units of a packet, 4-byte length-prefixed or Annex B, each cut to `MAX_UNIT_BYTES`.

    Lengths that fit the packet exactly win: a unit of 256 to 511 bytes has a length that looks like a
    start code, while a start code never gives lengths that fit.
    """
    spans = _length_prefixed(packet)
    if spans is None:
        yield from _annex_b(packet)
        return
    for start, end in spans:
        yield packet[start : min(end, start + MAX_UNIT_BYTES)]


def _length_prefixed(packet: bytes) -> list[tuple[int, int]] | None:
    spans: list[tuple[int, int]] = []
    at, size = 0, len(packet)
    while at < size:
        start = at + 4
        at = start + int.from_bytes(packet[at:start], "big")
        if start >= at or at > size or len(spans) >= MAX_UNITS:
            return None
        spans.append((start, at))
    return spans


def _annex_b(packet: bytes) -> Iterator[bytes]:
    at = packet.find(_START)
    while at >= 0:
        start = at + 3
        limit = start + MAX_UNIT_BYTES
        at = packet.find(_START, start, limit)
        unit = packet[start:at] if at >= 0 else packet[start:limit]
        if unit:
            yield unit
        if at < 0:  # a long unit: only searched when the caller still wants more
            at = packet.find(_START, limit - 2)


def first_picture_size(
    units: Iterable[bytes],
    kind: Callable[[bytes], UnitKind],
    parse: Callable[[BitReader], PictureSize],
    header_bytes: int,
) -> PictureSize | None:
    """The first readable parameter set before the first picture.

    None when there is none; `Refuse("media.bad-sps")` when there are some but none can be read.
    """
    problem: BadBits | None = None
    for unit in islice(units, MAX_UNITS):
        what = kind(unit)
        if what is UnitKind.PICTURE:
            break
        if what is UnitKind.PARAMETERS:
            try:
                # Emulation prevention: 00 00 03 stands for 00 00 (7.4.1 of both standards).
                return parse(BitReader(unit[header_bytes:].replace(b"\x00\x00\x03", b"\x00\x00")))
            except BadBits as error:
                problem = error
    if problem is None:
        return None
    raise Refuse(
        "media.bad-sps",
        f"the stream's sequence parameter set can't be read: {problem}",
        "check the source's encoder settings, or choose another profile or codec on the device",
    ) from problem
