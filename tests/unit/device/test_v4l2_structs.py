"""V4L2 requests as bytes. Sizes, offsets and numbers are the answers of a C program that includes
linux/videodev2.h on x86-64; the answers of drivers are built here field by field at those offsets.
"""

from __future__ import annotations

import errno
import struct
from fractions import Fraction

import pytest

from agent.device import v4l2_structs as v4l2
from agent.device.v4l2_signal import InputSignal, signal_of, signal_of_input, signal_of_timings
from agent.device.v4l2_structs import DvTimings, Field, FrameSize, PixelFormat, Request
from agent.model.errors import Refuse
from agent.model.media import Signal

SIZES = {
    Request.QUERYCAP: 104,
    Request.G_FMT: 208,
    Request.S_FMT: 208,
    Request.G_PARM: 204,
    Request.S_PARM: 204,
    Request.ENUMINPUT: 80,
    Request.ENUM_FRAMESIZES: 44,
    Request.ENUM_FRAMEINTERVALS: 52,
    Request.S_DV_TIMINGS: 132,
    Request.QUERY_DV_TIMINGS: 132,
}
# The first 40 bytes of a v4l2_format that C filled: 1920x1080 YUYV, no fields, 3840 bytes a line.
C_FORMAT = "010000000000000080070000380400005955595601000000000f000000483f000000000000000000"


def answer(size: int, *fields: tuple[int, str, int | bytes]) -> bytes:
    """`size` zero bytes with each (offset, format, value) put in."""
    data = bytearray(size)
    for offset, layout, value in fields:
        struct.pack_into(f"<{layout}", data, offset, value)
    return bytes(data)


def ints(offset: int, *values: int) -> list[tuple[int, str, int | bytes]]:
    return [(offset + 4 * number, "I", value) for number, value in enumerate(values)]


@pytest.mark.parametrize("request_", SIZES)
def test_each_number_holds_the_size_of_its_struct(request_: Request) -> None:
    assert request_ >> 16 & 0x3FFF == SIZES[request_]
    assert request_ >> 8 & 0xFF == ord("V")


def test_requests_have_the_size_that_their_number_says() -> None:
    shape = PixelFormat(width=640, height=480, fourcc="MJPG", field=Field.ANY)
    assert len(v4l2.pack_format(shape)) == 208
    assert len(v4l2.pack_rate(Fraction(25))) == 204
    assert len(v4l2.pack_frame_size(0, "YUYV")) == 44
    assert len(v4l2.pack_frame_interval(0, "YUYV", 1, 1)) == 52
    assert len(v4l2.pack_input(3)) == 80


def test_formats_are_those_of_c() -> None:
    data = bytes.fromhex(C_FORMAT) + bytes(168)
    shape = v4l2.unpack_format(data)
    assert shape == PixelFormat(
        width=1920, height=1080, fourcc="YUYV", field=Field.NONE, bytes_per_line=3840, size_bytes=4147200
    )
    assert v4l2.pack_format(shape)[:24] == data[:24]
    assert v4l2.unpack_format(v4l2.pack_format(shape)).fourcc == "YUYV"


def test_capability_of_a_node_that_only_has_metadata() -> None:
    fields: list[tuple[int, str, int | bytes]] = [
        (0, "16s", b"uvcvideo"),
        (16, "32s", b"USB Capture HDMI: USB Capture H"),
        (48, "32s", b"usb-0000:00:14.0-2"),
        *ints(80, 0x00050413, 0x84A00001, 0x04A00000),
    ]
    found = v4l2.unpack_capability(answer(104, *fields))
    assert (found.driver, found.card, found.bus_info) == (
        "uvcvideo",
        "USB Capture HDMI: USB Capture H",
        "usb-0000:00:14.0-2",
    )
    assert (found.version, found.can_capture) == ((5, 4, 19), False)
    fields[-1] = (88, "I", 0x04200001)
    assert v4l2.unpack_capability(answer(104, *fields)).can_capture


@pytest.mark.parametrize("rate", [Fraction(25), Fraction(30000, 1001), Fraction(1, 2)])
def test_rates_go_there_and_come_back(rate: Fraction) -> None:
    request = v4l2.pack_rate(rate)
    assert struct.unpack_from("<2I", request, 12) == (rate.denominator, rate.numerator)
    assert v4l2.unpack_rate(request) is None, "the driver has not said that it can"
    can = request[:4] + struct.pack("<I", 0x1000) + request[8:]
    assert v4l2.unpack_rate(can) == rate
    assert v4l2.unpack_rate(can[:12] + bytes(8) + can[20:]) is None


def test_frame_sizes() -> None:
    discrete = answer(44, *ints(8, 1, 1280, 720))
    assert v4l2.unpack_frame_size(discrete) == FrameSize(
        smallest=(1280, 720), largest=(1280, 720), step=(0, 0)
    )
    steps = answer(44, *ints(8, 3, 16, 1920, 2, 32, 1080, 4))
    assert v4l2.unpack_frame_size(steps) == FrameSize(smallest=(16, 32), largest=(1920, 1080), step=(2, 4))


def test_frame_intervals() -> None:
    single = v4l2.unpack_frame_interval(answer(52, *ints(16, 1, 1001, 30000)))
    assert single.shortest == single.longest == Fraction(1001, 30000)
    steps = v4l2.unpack_frame_interval(answer(52, *ints(16, 3, 1, 60, 1, 5, 1, 1)))
    assert (steps.shortest, steps.longest) == (Fraction(1, 60), Fraction(1, 5))


def test_inputs() -> None:
    data = answer(80, (0, "I", 2), (4, "32s", b"HDMI 2"), (48, "Q", 0xFF), (56, "I", 0x2))
    found = v4l2.unpack_input(data)
    assert (found.index, found.name, found.status) == (2, "HDMI 2", 0x2)


def test_digital_timings() -> None:
    # CEA-861 1920x1080p50: 148.5 MHz, 2640 x 1125; and 1080i50: 74.25 MHz, fields of 562 and 563 lines.
    progressive = answer(
        132, *ints(4, 1920, 1080, 0, 3), (20, "Q", 148_500_000), *ints(28, 528, 44, 148, 4, 5, 36)
    )
    assert v4l2.unpack_dv_timings(progressive) == DvTimings(
        width=1920, height=1080, is_interlaced=False, pixel_clock_hz=148_500_000, rate=Fraction(50)
    )
    interlaced = answer(
        132, *ints(4, 1920, 1080, 1, 3), (20, "Q", 74_250_000), *ints(28, 528, 44, 148, 2, 5, 15, 2, 5, 16)
    )
    found = v4l2.unpack_dv_timings(interlaced)
    assert (found.is_interlaced, found.rate) == (True, Fraction(25))
    assert v4l2.unpack_dv_timings(answer(132, *ints(4, 640, 480))).rate is None


@pytest.mark.parametrize(
    ("unpack", "data"),
    [
        (v4l2.unpack_capability, bytes(103)),
        (v4l2.unpack_format, answer(208, (20, "I", 77))),
        (v4l2.unpack_frame_size, answer(44, (8, "I", 9))),
        (v4l2.unpack_frame_interval, answer(52, *ints(16, 1, 1, 0))),
        (v4l2.unpack_frame_interval, answer(52, *ints(16, 9, 1, 1))),
        (v4l2.unpack_dv_timings, answer(132, (0, "I", 5))),
        (v4l2.unpack_input, b""),
    ],
)
def test_answers_that_make_no_sense_are_refused(unpack: object, data: bytes) -> None:
    assert callable(unpack)
    with pytest.raises(Refuse) as refused:
        unpack(data)
    assert refused.value.code == "source.v4l2-answer"


def test_a_pixel_format_has_four_letters() -> None:
    with pytest.raises(ValueError, match="four ASCII letters"):
        v4l2.pack_frame_size(0, "YUY")


@pytest.mark.parametrize(
    ("status", "signal"),
    [
        (0, InputSignal.PRESENT),
        (0x1, InputSignal.NO_POWER),
        (0x1 | 0x2 | 0x100, InputSignal.NO_POWER),
        (0x2, InputSignal.NO_SIGNAL),
        (0x40000, InputSignal.NO_SIGNAL),
        (0x100, InputSignal.NO_LOCK),
        (0x400, InputSignal.NO_LOCK),
        (0x800, InputSignal.NO_LOCK),
        (0x10000, InputSignal.NO_LOCK),
        (0x4 | 0x10 | 0x1000000, InputSignal.PRESENT),
    ],
)
def test_status_bits_in_words(status: int, signal: InputSignal) -> None:
    state = signal_of_input(status)
    assert state.signal is signal
    assert state.text and state.advice


@pytest.mark.parametrize(
    ("error", "signal"),
    [
        (None, InputSignal.PRESENT),
        (errno.ENOLINK, InputSignal.NO_SIGNAL),
        (errno.ENOLCK, InputSignal.NO_LOCK),
        (errno.ERANGE, InputSignal.OUT_OF_RANGE),
        (errno.ENODATA, InputSignal.UNKNOWN),
        (errno.EIO, InputSignal.UNKNOWN),
    ],
)
def test_errors_of_timings_in_words(error: int | None, signal: InputSignal) -> None:
    assert signal_of_timings(error).signal is signal


@pytest.mark.parametrize(
    ("status", "error", "has_timings", "signal", "reported"),
    [
        (0, None, True, InputSignal.PRESENT, Signal.PRESENT),
        (0, None, False, InputSignal.UNKNOWN, Signal.UNKNOWN),
        (None, None, False, InputSignal.UNKNOWN, Signal.UNKNOWN),
        (0, errno.ENOLCK, True, InputSignal.NO_LOCK, Signal.ABSENT),
        (0x2, None, False, InputSignal.NO_SIGNAL, Signal.ABSENT),
        (0x1, errno.ENOLINK, True, InputSignal.NO_POWER, Signal.ABSENT),
        (0x100, errno.ERANGE, True, InputSignal.OUT_OF_RANGE, Signal.ABSENT),
        (0x100, errno.ENOLINK, True, InputSignal.NO_SIGNAL, Signal.ABSENT),
        (0x2, errno.ERANGE, True, InputSignal.NO_SIGNAL, Signal.ABSENT),
        (0, errno.EIO, True, InputSignal.UNKNOWN, Signal.UNKNOWN),
    ],
)
def test_both_together(
    status: int | None, error: int | None, has_timings: bool, signal: InputSignal, reported: Signal
) -> None:
    state = signal_of(status, error, has_timings=has_timings)
    assert (state.signal, state.for_channel) == (signal, reported)
