"""Sequence parameter sets of H.265 (ITU-T H.265, 7.3.2.2 and annex E).

Guarantees: takes a packet (Annex B or 4-byte lengths) or extradata (Annex B or an hvcC record); returns
None without a parameter set; raises only `Refuse("media.bad-sps")`. Anything unreadable after the size
leaves pixel aspect and range unknown. Parameter sets of enhancement layers are passed over.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from agent.capture.bitstream.bits import (
    CHROMA_UNITS,
    MAX_SIDE,
    BadBits,
    BitReader,
    PictureSize,
    UnitKind,
    aspect_and_range,
    cropped,
    first_picture_size,
    nal_units,
)

_SPS = 33
_PICTURES = range(32)
_RECORD_HEADER = 23


def picture_size(data: bytes) -> PictureSize | None:
    """Size and profile of the first parameter set in a packet or in extradata."""
    units = _record_units(data) if data[:1] == b"\x01" else nal_units(data)
    return first_picture_size(units, _kind, _parse, header_bytes=2)


def _kind(unit: bytes) -> UnitKind:
    if len(unit) < 2:
        return UnitKind.OTHER
    unit_type = unit[0] >> 1 & 0x3F
    layer = (unit[0] & 1) << 5 | unit[1] >> 3
    if unit_type == _SPS and layer == 0:
        return UnitKind.PARAMETERS
    return UnitKind.PICTURE if unit_type in _PICTURES else UnitKind.OTHER


def _record_units(data: bytes) -> Iterator[bytes]:
    """The parameter sets of an HEVCDecoderConfigurationRecord (ISO/IEC 14496-15, 8.3.3.1)."""
    if len(data) < _RECORD_HEADER:
        return
    at = _RECORD_HEADER
    for _ in range(data[_RECORD_HEADER - 1]):
        units = int.from_bytes(data[at + 1 : at + 3], "big")
        at += 3
        for _ in range(units):
            start = at + 2
            at = start + int.from_bytes(data[at:start], "big")
            if start >= at or at > len(data):
                return
            yield data[start:at]


def _parse(bits: BitReader) -> PictureSize:
    bits.bits(4)
    layers = bits.bits(3)  # sps_max_sub_layers_minus1
    if layers > 6:
        raise BadBits("more than seven temporal layers")
    bits.flag()
    profile, level, interlaced = _profile_tier_level(bits, layers)
    bits.ue(15)
    chroma = bits.ue(3)
    if chroma == 3:
        bits.flag()
    coded_width, coded_height = bits.ue(MAX_SIDE), bits.ue(MAX_SIDE)
    left = right = top = bottom = 0
    if bits.flag():
        left, right, top, bottom = bits.ue(), bits.ue(), bits.ue(), bits.ue()
    unit_x, unit_y = CHROMA_UNITS[chroma]
    width = cropped(coded_width, unit_x, left, right)
    height = cropped(coded_height, unit_y, top, bottom)
    try:
        sar, full_range = _tail(bits, layers)
    except BadBits:
        sar, full_range = None, None
    return PictureSize(width, height, profile, level, sar, full_range, interlaced)


def _profile_tier_level(bits: BitReader, layers: int) -> tuple[int, int, bool | None]:
    """Profile, level, and the scan of the source (7.3.3); the source flags 0 0 and 1 1 say nothing."""
    bits.bits(3)
    profile = bits.bits(5)
    bits.bits(32)
    progressive, fields = bits.flag(), bits.flag()
    interlaced = fields if progressive != fields else None
    bits.bits(46)
    level = bits.bits(8)
    present = [(bits.flag(), bits.flag()) for _ in range(layers)]
    if layers:
        bits.bits(2 * (8 - layers))
    for has_profile, has_level in present:
        bits.bits(88 * has_profile + 8 * has_level)
    return profile, level, interlaced


def _tail(bits: BitReader, layers: int) -> tuple[Fraction | None, bool | None]:
    """Everything between the size and the VUI, then the start of the VUI."""
    bits.ue(8)
    bits.ue(8)
    order_bits = bits.ue(12) + 4
    for _ in range(layers + 1 if bits.flag() else 1):
        _skip_ue(bits, 3)
    _skip_ue(bits, 6)
    if bits.flag() and bits.flag():
        _skip_scaling_lists(bits)
    bits.bits(2)
    if bits.flag():  # pcm_enabled_flag
        bits.bits(8)
        _skip_ue(bits, 2)
        bits.flag()
    pictures = 0
    for index in range(bits.ue(64)):
        pictures = _skip_reference_set(bits, index, pictures)
    if bits.flag():  # long_term_ref_pics_present_flag
        bits.bits(bits.ue(32) * (order_bits + 1))
    bits.bits(2)
    return aspect_and_range(bits) if bits.flag() else (None, None)


def _skip_ue(bits: BitReader, count: int) -> None:
    for _ in range(count):
        bits.ue()


def _skip_scaling_lists(bits: BitReader) -> None:
    for size_id in range(4):
        for _ in range(2 if size_id == 3 else 6):
            if not bits.flag():
                bits.ue()
                continue
            coefficients = min(64, 16 << 2 * size_id)
            _skip_ue(bits, coefficients + (size_id > 1))


def _skip_reference_set(bits: BitReader, index: int, previous: int) -> int:
    """Skip one st_ref_pic_set; `previous` and the answer are the pictures in it (NumDeltaPocs)."""
    if index and bits.flag():  # predicted from the set before
        bits.flag()
        bits.ue()
        count = sum(bits.flag() or bits.flag() for _ in range(previous + 1))
    else:
        negative, positive = bits.ue(16), bits.ue(16)
        count = negative + positive
        for _ in range(count):
            bits.ue()
            bits.flag()
    if count > 16:
        raise BadBits("more than 16 reference pictures")
    return count
