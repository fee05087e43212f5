"""The V4L2 requests that a capture needs, as bytes: packing and unpacking, and their ioctl numbers. Pure.

Guarantees: the layout of linux/videodev2.h on 64-bit little-endian Linux; sizes, offsets and numbers were
compared with the public header by a C program (tests/unit/device/test_v4l2_structs.py has its answers).
Leaves out the ioctl call, buffers and streaming.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from fractions import Fraction
from struct import Struct
from typing import Any

from agent.model.errors import Refuse

_CAPTURE = 1  # V4L2_BUF_TYPE_VIDEO_CAPTURE
_CAP_VIDEO_CAPTURE = 0x1
_CAP_DEVICE_CAPS = 0x80000000
_CAP_TIME_PER_FRAME = 0x1000
_BT_656_1120 = 0

_CAPABILITY = Struct("<16s32s32s3I12x")
_FORMAT = Struct("<I4x12I152x")
_PARAMETERS = Struct("<I6I176x")
_FRAME_SIZE = Struct("<3I6I8x")
_FRAME_INTERVAL = Struct("<5I6I8x")
_INPUT = Struct("<I32s3IQ2I16x")
_TIMINGS = Struct("<I4IQ11I2I2B46x4x")


class Request(IntEnum):
    """Numbers of ioctls: direction, size, 'V', number (asm-generic/ioctl.h)."""

    QUERYCAP = 0x80685600
    G_FMT = 0xC0D05604
    S_FMT = 0xC0D05605
    G_PARM = 0xC0CC5615
    S_PARM = 0xC0CC5616
    ENUMINPUT = 0xC050561A
    ENUM_FRAMESIZES = 0xC02C564A
    ENUM_FRAMEINTERVALS = 0xC034564B
    S_DV_TIMINGS = 0xC0845657
    QUERY_DV_TIMINGS = 0x80845663


class Field(IntEnum):
    """Order of fields (enum v4l2_field), as far as a capture needs it."""

    ANY = 0
    NONE = 1
    TOP = 2
    BOTTOM = 3
    INTERLACED = 4
    SEQ_TB = 5
    SEQ_BT = 6
    ALTERNATE = 7
    INTERLACED_TB = 8
    INTERLACED_BT = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class Capability:
    """Answer of `QUERYCAP`. `can_capture` speaks of this node, not of the whole device."""

    driver: str
    card: str
    bus_info: str
    version: tuple[int, int, int]
    can_capture: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PixelFormat:
    """A picture format: size in pixels, `fourcc` such as `YUYV`, bytes of a line and of a picture."""

    width: int
    height: int
    fourcc: str
    field: Field
    bytes_per_line: int = 0
    size_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameSize:
    """One answer of `ENUM_FRAMESIZES`: `smallest == largest` for a single size; steps in pixels otherwise."""

    smallest: tuple[int, int]
    largest: tuple[int, int]
    step: tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameInterval:
    """One answer of `ENUM_FRAMEINTERVALS`, in seconds per picture; equal for a single interval."""

    shortest: Fraction
    longest: Fraction


@dataclass(frozen=True, slots=True, kw_only=True)
class InputState:
    """Answer of `ENUMINPUT`: the name of the input and its status bits (`v4l2_signal.py` reads them)."""

    index: int
    name: str
    status: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DvTimings:
    """Digital timings (`QUERY_DV_TIMINGS`): active size in pixels, pictures per second, pixel clock in Hz."""

    width: int
    height: int
    is_interlaced: bool
    pixel_clock_hz: int
    rate: Fraction | None


def unpack_capability(data: bytes) -> Capability:
    """Raises `Refuse` `source.v4l2-answer` when `data` is no such answer."""
    driver, card, bus_info, version, of_device, of_node = _unpack(_CAPABILITY, data)
    flags = of_node if of_device & _CAP_DEVICE_CAPS else of_device
    return Capability(
        driver=_text(driver),
        card=_text(card),
        bus_info=_text(bus_info),
        version=(version >> 16 & 255, version >> 8 & 255, version & 255),
        can_capture=bool(flags & _CAP_VIDEO_CAPTURE),
    )


def pack_format(wanted: PixelFormat) -> bytes:
    """The request of `S_FMT`; the driver answers with what it will really deliver."""
    code = _code(wanted.fourcc)
    return _FORMAT.pack(_CAPTURE, wanted.width, wanted.height, code, wanted.field, *(0,) * 8)


def unpack_format(data: bytes) -> PixelFormat:
    """Raises `Refuse` `source.v4l2-answer`."""
    _, width, height, code, field, line, size, *_ = _unpack(_FORMAT, data)
    if field not in list(Field):
        raise _refuse(f"field order {field} is not known")
    return PixelFormat(
        width=width,
        height=height,
        fourcc=code.to_bytes(4, "little").decode("latin-1"),
        field=Field(field),
        bytes_per_line=line,
        size_bytes=size,
    )


def pack_rate(rate: Fraction) -> bytes:
    """The request of `S_PARM` for `rate` pictures per second."""
    return _PARAMETERS.pack(_CAPTURE, 0, 0, rate.denominator, rate.numerator, 0, 0)


def unpack_rate(data: bytes) -> Fraction | None:
    """Pictures per second; None when the driver can't tell or set it. Refuse `source.v4l2-answer`."""
    _, capability, _, numerator, denominator, *_ = _unpack(_PARAMETERS, data)
    if not capability & _CAP_TIME_PER_FRAME or not numerator or not denominator:
        return None
    return Fraction(denominator, numerator)


def pack_frame_size(index: int, fourcc: str) -> bytes:
    """The request of `ENUM_FRAMESIZES`."""
    return _FRAME_SIZE.pack(index, _code(fourcc), *(0,) * 7)


def unpack_frame_size(data: bytes) -> FrameSize:
    """Raises `Refuse` `source.v4l2-answer`."""
    _, _, kind, a, b, c, d, e, f = _unpack(_FRAME_SIZE, data)
    if kind == 1:  # discrete: width, height
        return FrameSize(smallest=(a, b), largest=(a, b), step=(0, 0))
    if kind not in (2, 3):  # continuous, stepwise: min, max and step of the width, then of the height
        raise _refuse(f"kind {kind} of frame sizes is not known")
    return FrameSize(smallest=(a, d), largest=(b, e), step=(c, f))


def pack_frame_interval(index: int, fourcc: str, width: int, height: int) -> bytes:
    """The request of `ENUM_FRAMEINTERVALS`."""
    return _FRAME_INTERVAL.pack(index, _code(fourcc), width, height, *(0,) * 7)


def unpack_frame_interval(data: bytes) -> FrameInterval:
    """Raises `Refuse` `source.v4l2-answer`."""
    _, _, _, _, kind, a, b, c, d, *_ = _unpack(_FRAME_INTERVAL, data)
    shortest = _seconds(a, b)
    if kind == 1:
        return FrameInterval(shortest=shortest, longest=shortest)
    if kind not in (2, 3):
        raise _refuse(f"kind {kind} of frame intervals is not known")
    return FrameInterval(shortest=shortest, longest=_seconds(c, d))


def pack_input(index: int) -> bytes:
    """The request of `ENUMINPUT`."""
    return _INPUT.pack(index, b"", 0, 0, 0, 0, 0, 0)


def unpack_input(data: bytes) -> InputState:
    """Raises `Refuse` `source.v4l2-answer`."""
    index, name, _, _, _, _, status, _ = _unpack(_INPUT, data)
    return InputState(index=index, name=_text(name), status=status)


def unpack_dv_timings(data: bytes) -> DvTimings:
    """Raises `Refuse` `source.v4l2-answer`."""
    kind, width, height, interlaced, _, clock, hf, hs, hb, vf, vs, vb, il_vf, il_vs, il_vb, *_ = _unpack(
        _TIMINGS, data
    )
    if kind != _BT_656_1120:
        raise _refuse(f"kind {kind} of timings is not known")
    line = width + hf + hs + hb
    lines = height + vf + vs + vb + (il_vf + il_vs + il_vb if interlaced else 0)
    return DvTimings(
        width=width,
        height=height,
        is_interlaced=bool(interlaced),
        pixel_clock_hz=clock,
        rate=Fraction(clock, line * lines) if clock and line and lines else None,
    )


def _unpack(layout: Struct, data: bytes) -> tuple[Any, ...]:
    if len(data) != layout.size:
        raise _refuse(f"{len(data)} bytes instead of {layout.size}")
    return layout.unpack(data)


def _seconds(numerator: int, denominator: int) -> Fraction:
    if not denominator:
        raise _refuse("an interval divides by 0")
    return Fraction(numerator, denominator)


def _code(fourcc: str) -> int:
    if len(fourcc) != 4 or not fourcc.isascii():
        raise ValueError("a pixel format is four ASCII letters")
    return int.from_bytes(fourcc.encode("ascii"), "little")


def _text(raw: bytes) -> str:
    return raw.split(b"\0")[0].decode("utf-8", errors="replace")


def _refuse(why: str) -> Refuse:
    text = f"the video driver answered what can't be used: {why}"
    return Refuse("source.v4l2-answer", text, "try another driver")
