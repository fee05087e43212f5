"""Sequence parameter sets of H.264 (ITU-T H.264, 7.3.2.1.1 and annex E).

Guarantees: takes a packet (Annex B or 4-byte lengths) or extradata (Annex B or an avcC record); returns
None without a parameter set; raises only `Refuse("media.bad-sps")`. A VUI that ends early leaves aspect
and range unknown: the size before it is still right.
"""

from __future__ import annotations

from collections.abc import Iterator

from agent.capture.bitstream.bits import (
    CHROMA_UNITS,
    BadBits,
    BitReader,
    PictureSize,
    UnitKind,
    aspect_and_range,
    cropped,
    first_picture_size,
    nal_units,
)

_SPS = 7
_PICTURES = range(1, 6)
_MAX_MBS = 2047
# Profiles whose parameter sets carry chroma format, bit depth and scaling lists.
_HIGH = frozenset((100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135))


def picture_size(data: bytes) -> PictureSize | None:
    """Size and profile of the first parameter set in a packet or in extradata."""
    units = _record_units(data) if data[:1] == b"\x01" else nal_units(data)
    return first_picture_size(units, _kind, _parse, header_bytes=1)


def _kind(unit: bytes) -> UnitKind:
    unit_type = unit[0] & 0x1F
    if unit_type == _SPS:
        return UnitKind.PARAMETERS
    return UnitKind.PICTURE if unit_type in _PICTURES else UnitKind.OTHER


def _record_units(data: bytes) -> Iterator[bytes]:
    """The parameter sets of an AVCDecoderConfigurationRecord (ISO/IEC 14496-15, 5.3.3.1)."""
    at = 6
    for _ in range(data[5] & 0x1F if len(data) > 5 else 0):
        start = at + 2
        at = start + int.from_bytes(data[at:start], "big")
        if start >= at or at > len(data):
            return
        yield data[start:at]


def _parse(bits: BitReader) -> PictureSize:
    profile = bits.bits(8)
    bits.bits(8)  # constraint flags
    level = bits.bits(8)
    bits.ue(31)
    chroma, separate = _chroma_and_scaling(bits) if profile in _HIGH else (1, False)
    bits.ue(12)  # log2_max_frame_num_minus4
    _picture_order(bits)
    bits.ue()  # max_num_ref_frames
    bits.flag()
    width_mbs, height_units = bits.ue(_MAX_MBS) + 1, bits.ue(_MAX_MBS) + 1
    field_factor = 1 if bits.flag() else 2  # frame_mbs_only_flag: otherwise two fields make a frame
    if field_factor == 2:
        bits.flag()
    bits.flag()
    left = right = top = bottom = 0
    if bits.flag():
        left, right, top, bottom = bits.ue(), bits.ue(), bits.ue(), bits.ue()
    unit_x, unit_y = (1, 1) if separate else CHROMA_UNITS[chroma]
    width = cropped(width_mbs * 16, unit_x, left, right)
    height = cropped(height_units * 16 * field_factor, unit_y * field_factor, top, bottom)
    try:
        sar, full_range = aspect_and_range(bits) if bits.flag() else (None, None)
    except BadBits:
        sar, full_range = None, None
    return PictureSize(width, height, profile, level, sar, full_range, interlaced=field_factor == 2)


def _chroma_and_scaling(bits: BitReader) -> tuple[int, bool]:
    """chroma_format_idc and separate_colour_plane_flag; skips bit depths and scaling lists."""
    chroma = bits.ue(3)
    separate = chroma == 3 and bits.flag()
    bits.ue(6)
    bits.ue(6)
    bits.flag()
    if bits.flag():
        for index in range(12 if chroma == 3 else 8):
            if bits.flag():
                _skip_scaling_list(bits, 16 if index < 6 else 64)
    return chroma, separate


def _skip_scaling_list(bits: BitReader, size: int) -> None:
    last = 8
    for _ in range(size):
        last = (last + bits.se()) % 256
        if last == 0:  # the rest repeats the last value and is not sent
            return


def _picture_order(bits: BitReader) -> None:
    kind = bits.ue(2)
    if kind == 0:
        bits.ue(12)
    elif kind == 1:
        bits.flag()
        bits.se()
        bits.se()
        for _ in range(bits.ue(255)):
            bits.se()
