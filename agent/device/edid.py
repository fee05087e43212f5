"""EDID: what a display (or a grabber's input) says of itself, 128 bytes a block. Pure.

Guarantees: header, length and every checksum are verified before anything is believed; numbers are exact.
Leaves out extension blocks' content (they are counted and their checksums verified), and reading the EDID
from a device. Layout: VESA E-EDID Standard, Release A, as `struct edid` in the Linux kernel's
include/drm/drm_edid.h.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from agent.model.errors import Refuse

BLOCK = 128
_HEADER = bytes.fromhex("00ffffffffffff00")
_DESCRIPTORS = (54, 72, 90, 108)
_NAME = 0xFC
_INTERLACED = 0x80


@dataclass(frozen=True, slots=True, kw_only=True)
class DetailedTiming:
    """One video mode: picture size in pixels, pictures (or fields pairs) per second, pixel clock in Hz."""

    width: int
    height: int
    rate: Fraction
    is_interlaced: bool
    pixel_clock_hz: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Edid:
    """What one EDID says. `maker` has three letters; `year` 0 and `serial` 0 stand for "not told"."""

    maker: str
    product: int
    serial: int
    week: int
    year: int
    version: tuple[int, int]
    name: str
    preferred: DetailedTiming | None
    extensions: int

    @property
    def key(self) -> str:
        """`MMM:pppp`, as device profiles name it."""
        return f"{self.maker}:{self.product:04x}"


def parse_edid(data: bytes) -> Edid:
    """The EDID in `data`. Raises `Refuse` `edid.invalid`."""
    if len(data) < BLOCK or len(data) % BLOCK or not data.startswith(_HEADER):
        raise _invalid("it is not a whole number of 128-byte blocks that begin with the EDID header")
    for number in range(len(data) // BLOCK):
        if sum(data[number * BLOCK : (number + 1) * BLOCK]) % 256:
            raise _invalid(f"the checksum of block {number} is wrong")
    extensions = data[126]
    if len(data) != BLOCK * (extensions + 1):
        raise _invalid(f"it says that it has {extensions} extensions, and has {len(data) // BLOCK - 1}")
    timings = [found for at in _DESCRIPTORS if (found := _timing(data[at : at + 18])) is not None]
    return Edid(
        maker=_maker(int.from_bytes(data[8:10], "big")),
        product=int.from_bytes(data[10:12], "little"),
        serial=int.from_bytes(data[12:16], "little"),
        week=data[16] if data[16] <= 54 else 0,
        year=1990 + data[17] if data[17] else 0,
        version=(data[18], data[19]),
        name=next((_text(data[at + 5 : at + 18]) for at in _DESCRIPTORS if _is_name(data, at)), ""),
        preferred=timings[0] if timings else None,
        extensions=extensions,
    )


def _maker(packed: int) -> str:
    letters = [(packed >> shift) & 31 for shift in (10, 5, 0)]
    if packed >> 15 or not all(1 <= letter <= 26 for letter in letters):
        raise _invalid("the maker is no three letters")
    return "".join(chr(ord("A") - 1 + letter) for letter in letters)


def _timing(block: bytes) -> DetailedTiming | None:
    """A detailed timing descriptor; None for another descriptor (pixel clock 0), or one without pixels."""
    clock_hz = int.from_bytes(block[:2], "little") * 10_000
    width, width_blank = block[2] | (block[4] & 0xF0) << 4, block[3] | (block[4] & 0x0F) << 8
    height, height_blank = block[5] | (block[7] & 0xF0) << 4, block[6] | (block[7] & 0x0F) << 8
    if not clock_hz or not width or not height:
        return None
    is_interlaced = bool(block[17] & _INTERLACED)
    # Vertical values of an interlaced mode are those of one field, with half a line between the fields.
    lines = 2 * (height + height_blank) + 1 if is_interlaced else height + height_blank
    return DetailedTiming(
        width=width,
        height=2 * height if is_interlaced else height,
        rate=Fraction(clock_hz, (width + width_blank) * lines),
        is_interlaced=is_interlaced,
        pixel_clock_hz=clock_hz,
    )


def _is_name(data: bytes, at: int) -> bool:
    return data[at : at + 3] == b"\0\0\0" and data[at + 3] == _NAME


def _text(raw: bytes) -> str:
    """Printable ASCII up to the line feed; everything else becomes `?`."""
    text = raw.split(b"\n")[0].decode("ascii", errors="replace")
    return "".join(letter if " " <= letter <= "~" else "?" for letter in text).strip()


def _invalid(why: str) -> Refuse:
    return Refuse("edid.invalid", f"the EDID can't be used: {why}", "read it again; look at the cable")
