"""What V4L2's format codes are: coded streams, and raw pictures with their planes. Pure.

Guarantees: a raw picture is handed on without the padding that a driver puts at the end of its lines; one
that is shorter than its lines is told, never filled up. Names of raw formats are FFmpeg's. Layouts:
https://docs.kernel.org/userspace-api/media/v4l/pixfmt.html.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import ceil

from agent.device.v4l2_structs import PixelFormat
from agent.model.spec import Codec

_HALF = Fraction(1, 2)


@dataclass(frozen=True, slots=True)
class Plane:
    """A part of a raw picture: bytes of a line per pixel of width, lines per line of height, its share of
    `bytes_per_line`."""

    bytes_per_pixel: Fraction
    lines: Fraction
    stride: Fraction


@dataclass(frozen=True, slots=True, kw_only=True)
class PixelKind:
    """One format code. `name` and `planes` are those of a raw picture, empty for a coded stream.

    `rank` is lower for what is recorded better: nothing lost and nothing converted first.
    """

    codec: Codec
    rank: int
    name: str = ""
    planes: tuple[Plane, ...] = ()


def _planes(*sizes: tuple[int | Fraction, int | Fraction, int | Fraction]) -> tuple[Plane, ...]:
    return tuple(Plane(Fraction(a), Fraction(b), Fraction(c)) for a, b, c in sizes)


def _raw(name: str, rank: int, planes: tuple[Plane, ...]) -> PixelKind:
    return PixelKind(codec=Codec.RAW, rank=rank, name=name, planes=planes)


_PACKED_2, _PACKED_3, _PACKED_4, _GREY = (_planes((n, 1, 1)) for n in (2, 3, 4, 1))
_TWO_420, _TWO_422 = (_planes((1, 1, 1), (1, lines, 1)) for lines in (_HALF, 1))
_THREE_420, _THREE_422 = (
    _planes((1, 1, 1), (_HALF, lines, _HALF), (_HALF, lines, _HALF)) for lines in (_HALF, 1)
)

# Coded by the device; then raw, 4:2:0 first since that is what is encoded; then JPEG, which has lost
# something already; RGB has to be converted, and grey has no colour.
KINDS: dict[str, PixelKind] = {
    "H264": PixelKind(codec=Codec.H264, rank=0),
    "HEVC": PixelKind(codec=Codec.H265, rank=0),
    "NV12": _raw("nv12", 1, _TWO_420),
    "NV21": _raw("nv21", 1, _TWO_420),
    "YU12": _raw("yuv420p", 1, _THREE_420),
    "YUYV": _raw("yuyv422", 2, _PACKED_2),
    "UYVY": _raw("uyvy422", 2, _PACKED_2),
    "YVYU": _raw("yvyu422", 2, _PACKED_2),
    "NV16": _raw("nv16", 2, _TWO_422),
    "422P": _raw("yuv422p", 2, _THREE_422),
    "MJPG": PixelKind(codec=Codec.MJPEG, rank=3),
    "JPEG": PixelKind(codec=Codec.MJPEG, rank=3),
    "BGR3": _raw("bgr24", 4, _PACKED_3),
    "RGB3": _raw("rgb24", 4, _PACKED_3),
    "XR24": _raw("bgr0", 4, _PACKED_4),
    "GREY": _raw("gray", 5, _GREY),
}


def without_padding(data: memoryview, shape: PixelFormat) -> bytes | None:
    """The picture in `data`; None when it is not whole. A coded picture is whole when it has any bytes."""
    kind = KINDS[shape.fourcc]
    if not kind.planes:
        return bytes(data) or None
    pieces: list[memoryview] = []
    at = 0
    for plane in kind.planes:
        wide = ceil(shape.width * plane.bytes_per_pixel)
        stride = max(wide, ceil(shape.bytes_per_line * plane.stride))
        lines = ceil(shape.height * plane.lines)
        if at + stride * (lines - 1) + wide > len(data):
            return None
        if stride == wide:
            pieces.append(data[at : at + wide * lines])
        else:
            pieces += [data[start : start + wide] for start in range(at, at + stride * lines, stride)]
        at += stride * lines
    return bytes(pieces[0]) if len(pieces) == 1 else b"".join(pieces)
