"""A capture device that a script speaks for: the kernel's answers as bytes, at the offsets of its header.

Guarantees: a device remembers what it was set to from one opening to the next, and lets itself be opened
only while it is plugged in; waiting moves its clock and nothing else. `refuse` makes a request fail; the test
asserts that it was asked. `at` runs something before the n-th picture of all.
"""

from __future__ import annotations

import errno
import struct
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from agent.device.v4l2_buffers import StreamRequest
from agent.device.v4l2_node import Ready, VideoNode
from agent.device.v4l2_structs import Request
from tests.fakes.clock import FakeClock

Size = tuple[int, int]
Answer = Callable[[bytearray], None]
QUERYSTD, S_STD = 0x8008563F, 0x40085618
PAL = 0xFF
NEAREST_BYTES = {"YUYV": 2.0, "UYVY": 2.0, "NV12": 1.5, "YU12": 1.5, "GREY": 1.0, "BGR3": 3.0}


def dv_timings(width: int, height: int, *, clock: int, blank: Size, interlaced: bool = False) -> bytes:
    """What `QUERY_DV_TIMINGS` answers."""
    data = bytearray(132)
    struct.pack_into("<5IQ", data, 0, 0, width, height, int(interlaced), 0, clock)
    struct.pack_into("<I", data, 28, blank[0])
    struct.pack_into("<I", data, 40, blank[1])
    return bytes(data)


HD_60 = dv_timings(1280, 720, clock=74_250_000, blank=(370, 30))
FULL_HD_60 = dv_timings(1920, 1080, clock=148_500_000, blank=(280, 45))


@dataclass(slots=True)
class Shot:
    """One picture to come: what the driver says of it."""

    data: bytes | None = None
    flags: int = 0x2000  # monotonic time
    skipped: int = 0
    used: int | None = None


@dataclass(slots=True)
class FakeDevice:
    """What is plugged in. Sizes and rates by format; no rates: the driver can't tell or set them."""

    clock: FakeClock
    formats: dict[str, dict[Size, tuple[int, ...]]]
    driver: str = "uvcvideo"
    card: str = "USB Camera"
    capabilities: int = 0x84200001
    inputs: int = 1
    status: int = 0
    timings: bytes | int = errno.ENOTTY
    standard: int | None = None
    padding: int = 0
    period_s: float = 0.04
    field_order: int = 1
    quantization: int = 0
    data: bytes = b""
    plugged: bool = True
    silent: bool = False
    refuse: dict[int, int] = field(default_factory=dict)
    adjust: dict[int, Callable[[bytearray], None]] = field(default_factory=dict)
    at: dict[int, Callable[[], object]] = field(default_factory=dict)
    shots: deque[Shot] = field(default_factory=deque)
    edid: bytes | None = None
    input: int = 0
    shape: tuple[str, Size] = ("YUYV", (640, 480))
    rate: tuple[int, int] = (1, 5)
    asked: list[int] = field(default_factory=list)
    set_to: dict[int, bytes] = field(default_factory=dict)
    delivered: int = 0
    events: int = 0
    open_nodes: int = 0

    def connect(self, _path: str) -> VideoNode:
        """Opens it."""
        if not self.plugged:
            raise FileNotFoundError(errno.ENOENT, "No such file or directory")
        self.open_nodes += 1
        return FakeNode(self)


class FakeNode:
    """Implements `VideoNode` on a `FakeDevice`."""

    def __init__(self, device: FakeDevice) -> None:
        self._device = device
        self._memory: list[bytearray] = []
        self._queued: deque[int] = deque()
        self._sequence = 0
        self._has_picture = False
        self.streaming = False
        self.subscribed = False

    def ask(self, request: int, data: bytes) -> bytes:
        device = self._device
        assert len(data) == request >> 16 & 0x3FFF, "a request has the size that its number says"
        device.asked.append(request)
        if not device.plugged:
            raise OSError(errno.ENODEV, "No such device")
        if request in device.refuse:
            raise OSError(device.refuse[request], "refused by the script")
        room = bytearray(data)
        if request in (Request.S_DV_TIMINGS, S_STD, StreamRequest.S_INPUT):
            device.set_to[request] = bytes(data)
        self._answers()[request](room)
        if request in device.adjust:
            device.adjust[request](room)
        return bytes(room)

    def edid(self) -> bytes | None:
        return self._device.edid

    def map(self, place: int, size: int) -> memoryview:
        assert size == len(self._memory[place])
        return memoryview(self._memory[place])

    def unmap(self) -> None:
        return

    def wait(self, seconds: float) -> Ready:
        device = self._device
        if device.plugged and not device.silent and self._queued and self.streaming:
            if action := device.at.pop(device.delivered, None):
                action()
                return self.wait(seconds)
            if device.events and self.subscribed:
                return Ready(event=True)
            device.clock.advance(device.period_s)
            self._has_picture = True
            return Ready(picture=True)
        if not device.plugged:
            return Ready(error=True)
        device.clock.advance(max(0.0, seconds))
        return Ready()

    def close(self) -> None:
        self._device.open_nodes -= 1

    def _answers(self) -> dict[int, Answer]:
        return {
            Request.QUERYCAP: self._capability,
            StreamRequest.G_INPUT: lambda room: struct.pack_into("<I", room, 0, self._device.input),
            StreamRequest.S_INPUT: self._set_input,
            Request.ENUMINPUT: self._input,
            Request.QUERY_DV_TIMINGS: self._timings,
            Request.S_DV_TIMINGS: lambda _room: None,
            QUERYSTD: self._standard,
            S_STD: lambda _room: None,
            StreamRequest.ENUM_FMT: self._format_number,
            Request.ENUM_FRAMESIZES: self._size_number,
            Request.ENUM_FRAMEINTERVALS: self._rate_number,
            Request.G_FMT: self._put_format,
            Request.S_FMT: self._set_format,
            Request.G_PARM: self._put_rate,
            Request.S_PARM: self._set_rate,
            StreamRequest.SUBSCRIBE_EVENT: self._subscribe,
            StreamRequest.DQEVENT: self._event,
            StreamRequest.REQBUFS: self._buffers,
            StreamRequest.QUERYBUF: self._describe,
            StreamRequest.QBUF: lambda room: self._queued.append(struct.unpack_from("<I", room)[0]),
            StreamRequest.DQBUF: self._picture,
            StreamRequest.STREAMON: lambda _room: self._stream(on=True),
            StreamRequest.STREAMOFF: lambda _room: self._stream(on=False),
        }

    def _capability(self, room: bytearray) -> None:
        device = self._device
        struct.pack_into("<16s32s32s", room, 0, device.driver.encode(), device.card.encode(), b"usb-1.4")
        struct.pack_into("<3I", room, 80, 0x60100, device.capabilities, device.capabilities & 0xFFFFFF)

    def _set_input(self, room: bytearray) -> None:
        (number,) = struct.unpack_from("<I", room)
        _need(number < self._device.inputs)
        self._device.input = number

    def _input(self, room: bytearray) -> None:
        (number,) = struct.unpack_from("<I", room)
        _need(number < self._device.inputs)
        struct.pack_into("<32s", room, 4, b"Input %d" % number)
        struct.pack_into("<I", room, 56, self._device.status)

    def _timings(self, room: bytearray) -> None:
        answer = self._device.timings
        if isinstance(answer, int):
            raise OSError(answer, "no timings")
        room[:] = answer

    def _standard(self, room: bytearray) -> None:
        if self._device.standard is None:
            raise OSError(errno.ENOTTY, "no standards")
        struct.pack_into("<Q", room, 0, self._device.standard)

    def _format_number(self, room: bytearray) -> None:
        (number,) = struct.unpack_from("<I", room)
        _need(number < len(self._device.formats))
        room[44:48] = list(self._device.formats)[number].encode()

    def _size_number(self, room: bytearray) -> None:
        number, code = struct.unpack_from("<I4s", room)
        sizes = list(self._device.formats[code.decode()])
        _need(number < len(sizes))
        struct.pack_into("<3I", room, 8, 1, *sizes[number])

    def _rate_number(self, room: bytearray) -> None:
        number, code, *size = struct.unpack_from("<I4s2I", room)
        rates = self._device.formats[code.decode()].get(tuple(size), ())
        _need(number < len(rates))
        struct.pack_into("<3I", room, 16, 1, 1, rates[number])

    def _put_format(self, room: bytearray) -> None:
        device = self._device
        code, (width, height) = device.shape
        line = (0 if code in ("MJPG", "H264") else width * _line_bytes(code)) + device.padding
        struct.pack_into(
            "<2I4sI2I", room, 8, width, height, code.encode(), device.field_order, line, self._size()
        )
        struct.pack_into("<I", room, 48, device.quantization)

    def _set_format(self, room: bytearray) -> None:
        width, height, code = struct.unpack_from("<2I4s", room, 8)
        self._device.shape = (code.decode(), (width, height))
        self._put_format(room)

    def _put_rate(self, room: bytearray) -> None:
        code, size = self._device.shape
        can = bool(self._device.formats.get(code, {}).get(size))
        struct.pack_into("<2I", room, 4, 0x1000 if can else 0, 0)
        struct.pack_into("<2I", room, 12, *self._device.rate)

    def _set_rate(self, room: bytearray) -> None:
        numerator, denominator = struct.unpack_from("<2I", room, 12)
        self._device.rate = (numerator, denominator)
        self._put_rate(room)

    def _subscribe(self, _room: bytearray) -> None:
        self.subscribed = True

    def _event(self, room: bytearray) -> None:
        _need(self._device.events > 0)
        self._device.events -= 1
        struct.pack_into("<I", room, 0, 5)

    def _buffers(self, room: bytearray) -> None:
        (count,) = struct.unpack_from("<I", room)
        assert not self.streaming or not count
        self._memory = [bytearray(self._size()) for _ in range(count)]
        self._queued.clear()

    def _describe(self, room: bytearray) -> None:
        (index,) = struct.unpack_from("<I", room)
        struct.pack_into("<2I", room, 64, index, 0)
        struct.pack_into("<I", room, 72, len(self._memory[index]))

    def _picture(self, room: bytearray) -> None:
        device = self._device
        if not self._has_picture:
            raise BlockingIOError(errno.EAGAIN, "none yet")
        self._has_picture = False
        shot = device.shots.popleft() if device.shots else Shot()
        device.delivered += 1
        index = self._queued.popleft()
        data = shot.data if shot.data is not None else device.data or bytes(self._size())
        self._memory[index][: len(data)] = data
        self._sequence += shot.skipped
        device.clock.advance(shot.skipped * device.period_s)
        micros = device.clock.mono_ns() // 1000
        used = len(data) if shot.used is None else shot.used
        struct.pack_into("<5I", room, 0, index, 1, used, shot.flags, 1)
        struct.pack_into("<2q", room, 24, micros // 1_000_000, micros % 1_000_000)
        struct.pack_into("<I", room, 56, self._sequence)
        self._sequence += 1

    def _stream(self, *, on: bool) -> None:
        self.streaming = on
        self._sequence = 0
        self._has_picture = False

    def _size(self) -> int:
        code, (width, height) = self._device.shape
        lines = height * NEAREST_BYTES[code] / _line_bytes(code) if code in NEAREST_BYTES else 0
        return int(lines * (width * _line_bytes(code) + self._device.padding)) or 65536


def _line_bytes(code: str) -> int:
    return {"YUYV": 2, "UYVY": 2, "BGR3": 3}.get(code, 1)


def _need(holds: bool) -> None:
    if not holds:
        raise OSError(errno.EINVAL, "Invalid argument")
