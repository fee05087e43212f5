"""The V4L2 requests of streaming, inputs and events, as bytes: beside those of `v4l2_structs.py`. Pure.

Guarantees: the layout of linux/videodev2.h on 64-bit little-endian Linux; sizes, offsets and numbers were
compared with the public header by a C program (tests/unit/device/test_v4l2_buffers.py has its answers).
Leaves out the ioctl call and the memory of the buffers. Answers have the length of their request, which the
kernel guarantees, so nothing here can fail on what a driver says.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from struct import Struct

CAPTURE = 1  # V4L2_BUF_TYPE_VIDEO_CAPTURE
_MMAP = 1  # V4L2_MEMORY_MMAP
_FLAG_ERROR = 0x40
_TIMESTAMP_MASK = 0xE000
_TIMESTAMP_MONOTONIC = 0x2000
_EVENT_SOURCE_CHANGE = 5
_INPUT_HAS_TIMINGS = 0x2

_INT = Struct("<I")
_DESCRIPTION = Struct("<3I32sI16x")
_BUFFERS = Struct("<3I8x")
_BUFFER = Struct("<5I4x2q16x2IQI12x")
_SUBSCRIPTION = Struct("<3I20x")
_EVENT = Struct("<I132x")
_QUANTIZATION_AT, _COLOUR_SPACE_AT = 48, 32  # in struct v4l2_format
_FULL, _LIMITED = 1, 2
_COLOUR_SPACE_JPEG = 7
_INPUT_CAPABILITIES_AT = 60  # in struct v4l2_input


class StreamRequest(IntEnum):
    """Numbers of ioctls, as in `v4l2_structs.Request`."""

    ENUM_FMT = 0xC0405602
    REQBUFS = 0xC0145608
    QUERYBUF = 0xC0585609
    QBUF = 0xC058560F
    DQBUF = 0xC0585611
    STREAMON = 0x40045612
    STREAMOFF = 0x40045613
    G_INPUT = 0x80045626
    S_INPUT = 0xC0045627
    SUBSCRIBE_EVENT = 0x4020565A
    DQEVENT = 0x80885659


class Range(StrEnum):
    """Whether luma runs from 16 to 235 or from 0 to 255."""

    LIMITED = "limited"
    FULL = "full"


@dataclass(frozen=True, slots=True, kw_only=True)
class Buffer:
    """What the driver says of a buffer: `used` bytes of a picture, taken at `time_us`.

    `time_us` is on the monotonic clock, None when the driver keeps other times. `sequence` counts pictures,
    lost ones too. `place` and `size` are those of the memory to be mapped.
    """

    index: int
    used: int
    is_damaged: bool
    time_us: int | None
    sequence: int
    place: int
    size: int


def pack_int(value: int) -> bytes:
    """The request of `STREAMON`, `STREAMOFF` (the kind of buffers) and of `S_INPUT`."""
    return _INT.pack(value)


def unpack_int(data: bytes) -> int:
    """The answer of `G_INPUT` and `S_INPUT`."""
    value: int = _INT.unpack(data)[0]
    return value


def pack_format_number(index: int) -> bytes:
    """The request of `ENUM_FMT`."""
    return _DESCRIPTION.pack(index, CAPTURE, 0, b"", 0)


def unpack_format_code(data: bytes) -> str:
    """The `fourcc` that `ENUM_FMT` answered; formats with the big-endian bit are no text of letters."""
    code: int = _DESCRIPTION.unpack(data)[4]
    return code.to_bytes(4, "little").decode("latin-1")


def pack_buffer_count(count: int) -> bytes:
    """The request of `REQBUFS`; 0 frees them."""
    return _BUFFERS.pack(count, CAPTURE, _MMAP)


def unpack_buffer_count(data: bytes) -> int:
    """How many buffers there really are."""
    count: int = _BUFFERS.unpack(data)[0]
    return count


def pack_buffer(index: int) -> bytes:
    """The request of `QUERYBUF`, `QBUF` and `DQBUF` (which takes any)."""
    return _BUFFER.pack(index, CAPTURE, 0, 0, 0, 0, 0, 0, _MMAP, 0, 0)


def unpack_buffer(data: bytes) -> Buffer:
    """The answer of `QUERYBUF` and `DQBUF`."""
    index, _, used, flags, _, seconds, micros, sequence, _, place, size = _BUFFER.unpack(data)
    is_monotonic = flags & _TIMESTAMP_MASK == _TIMESTAMP_MONOTONIC
    return Buffer(
        index=index,
        used=used,
        is_damaged=bool(flags & _FLAG_ERROR),
        time_us=seconds * 1_000_000 + micros if is_monotonic else None,
        sequence=sequence,
        place=place & 0xFFFFFFFF,
        size=size,
    )


def pack_source_change(input_index: int) -> bytes:
    """The request of `SUBSCRIBE_EVENT` for changes of the source at an input."""
    return _SUBSCRIPTION.pack(_EVENT_SOURCE_CHANGE, input_index, 0)


def is_source_change(data: bytes) -> bool:
    """Whether that is the event that `DQEVENT` answered."""
    kind: int = _EVENT.unpack(data)[0]
    return kind == _EVENT_SOURCE_CHANGE


def pack_no_event() -> bytes:
    """The room that `DQEVENT` fills."""
    return _EVENT.pack(0)


def has_timings(input_answer: bytes) -> bool:
    """Whether the input that `ENUMINPUT` described has digital timings (HDMI, DVI, SDI)."""
    capabilities: int = _INT.unpack_from(input_answer, _INPUT_CAPABILITIES_AT)[0]
    return bool(capabilities & _INPUT_HAS_TIMINGS)


def range_of(format_answer: bytes) -> Range:
    """The range of luma in pictures of the format that `G_FMT` or `S_FMT` answered.

    By the default of the header (V4L2_MAP_QUANTIZATION_DEFAULT) when the driver names none; for YUV only.
    """
    (named,) = _INT.unpack_from(format_answer, _QUANTIZATION_AT)
    (space,) = _INT.unpack_from(format_answer, _COLOUR_SPACE_AT)
    if named not in (_FULL, _LIMITED):
        named = _FULL if space == _COLOUR_SPACE_JPEG else _LIMITED
    return Range.FULL if named == _FULL else Range.LIMITED
