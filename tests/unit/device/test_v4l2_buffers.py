"""Requests of streaming as bytes. Sizes, offsets and numbers are the answers of a C program that includes
linux/videodev2.h on x86-64.
"""

from __future__ import annotations

import struct

import pytest

from agent.device import v4l2_buffers as buffers
from agent.device.v4l2_buffers import Range, StreamRequest

SIZES = {
    StreamRequest.ENUM_FMT: 64,
    StreamRequest.REQBUFS: 20,
    StreamRequest.QUERYBUF: 88,
    StreamRequest.QBUF: 88,
    StreamRequest.DQBUF: 88,
    StreamRequest.STREAMON: 4,
    StreamRequest.STREAMOFF: 4,
    StreamRequest.G_INPUT: 4,
    StreamRequest.S_INPUT: 4,
    StreamRequest.SUBSCRIBE_EVENT: 32,
    StreamRequest.DQEVENT: 136,
}


@pytest.mark.parametrize("request_", StreamRequest)
def test_each_number_holds_the_size_of_its_struct(request_: StreamRequest) -> None:
    assert request_ >> 16 & 0x3FFF == SIZES[request_]
    assert request_ >> 8 & 0xFF == ord("V")


def test_requests_have_the_size_that_their_number_says() -> None:
    assert len(buffers.pack_int(1)) == 4
    assert len(buffers.pack_format_number(0)) == 64
    assert len(buffers.pack_buffer_count(4)) == 20
    assert len(buffers.pack_buffer(0)) == 88
    assert len(buffers.pack_source_change(0)) == 32
    assert len(buffers.pack_no_event()) == 136


def buffer_answer(*, flags: int, index: int = 3) -> bytes:
    """A `v4l2_buffer`, field by field at the offsets of C."""
    data = bytearray(88)
    for offset, value in (
        (0, index),
        (4, 1),
        (8, 4096),
        (12, flags),
        (56, 4_294_967_295),
        (60, 1),
        (72, 8192),
    ):
        struct.pack_into("<I", data, offset, value)
    struct.pack_into("<2q", data, 24, 12, 345_678)
    struct.pack_into("<I", data, 64, 0x2000)
    return bytes(data)


def test_a_buffer() -> None:
    found = buffers.unpack_buffer(buffer_answer(flags=0x2000))
    assert found == buffers.Buffer(
        index=3,
        used=4096,
        is_damaged=False,
        time_us=12_345_678,
        sequence=4_294_967_295,
        place=0x2000,
        size=8192,
    )


@pytest.mark.parametrize(
    ("flags", "is_damaged", "has_time"),
    [
        (0x2000, False, True),
        (0x2040, True, True),
        (0x0000, False, False),
        (0x4000, False, False),
        (0x12009, False, True),
    ],
    ids=["monotonic", "damaged", "unknown-time", "copied-time", "key-at-exposure"],
)
def test_flags_of_a_buffer(flags: int, is_damaged: bool, has_time: bool) -> None:
    found = buffers.unpack_buffer(buffer_answer(flags=flags))
    assert (found.is_damaged, found.time_us is not None) == (is_damaged, has_time)


def test_formats_inputs_and_events() -> None:
    answer = bytearray(64)
    answer[44:48] = b"MJPG"
    assert buffers.unpack_format_code(bytes(answer)) == "MJPG"
    assert buffers.unpack_int(buffers.pack_int(7)) == 7
    assert buffers.unpack_buffer_count(buffers.pack_buffer_count(5)) == 5
    assert struct.unpack_from("<2I", buffers.pack_source_change(2)) == (5, 2)
    assert buffers.is_source_change(struct.pack("<I", 5).ljust(136, b"\0"))
    assert not buffers.is_source_change(struct.pack("<I", 1).ljust(136, b"\0"))


@pytest.mark.parametrize(
    ("named", "space", "luma"),
    [
        (0, 8, Range.LIMITED),
        (0, 7, Range.FULL),
        (1, 3, Range.FULL),
        (2, 7, Range.LIMITED),
    ],
    ids=["default", "default-of-jpeg", "full", "limited"],
)
def test_range_of_luma(named: int, space: int, luma: Range) -> None:
    answer = bytearray(208)
    struct.pack_into("<I", answer, 32, space)
    struct.pack_into("<I", answer, 48, named)
    assert buffers.range_of(bytes(answer)) is luma
