"""Streaming from an open video node: buffers in the kernel's memory, pictures out.

Guarantees: a picture is copied out before its buffer is given back, so that it stays what it is; every
picture that the driver lost (`sequence`), flagged as damaged, or delivered short is counted and never handed
out. The caller waits (`VideoNode.wait`) and translates `OSError`.
"""

from __future__ import annotations

import errno
from contextlib import suppress
from dataclasses import dataclass

from agent.device import v4l2_buffers as buffers
from agent.device.v4l2_buffers import StreamRequest
from agent.device.v4l2_node import VideoNode
from agent.device.v4l2_pixels import without_padding
from agent.device.v4l2_structs import PixelFormat

# At 60 pictures/s, a tenth of a second in which the channel may be busy with its disk.
_BUFFERS = 6


@dataclass(frozen=True, slots=True)
class Picture:
    """Its bytes, and when the driver took it on the monotonic clock; None when the driver doesn't tell."""

    data: bytes
    time_us: int | None


class Stream:
    """Started and stopped as often as one likes."""

    def __init__(self, node: VideoNode, shape: PixelFormat) -> None:
        self._node = node
        self._shape = shape
        self._memory: list[memoryview] = []
        self._sequence: int | None = None
        self.lost = 0
        self.damaged = 0

    def start(self) -> None:
        """Raises `OSError`; what was begun is then undone by `stop`."""
        answer = self._node.ask(StreamRequest.REQBUFS, buffers.pack_buffer_count(_BUFFERS))
        for index in range(buffers.unpack_buffer_count(answer)):
            found = buffers.unpack_buffer(self._node.ask(StreamRequest.QUERYBUF, buffers.pack_buffer(index)))
            self._memory.append(self._node.map(found.place, found.size))
            self._node.ask(StreamRequest.QBUF, buffers.pack_buffer(index))
        self._node.ask(StreamRequest.STREAMON, buffers.pack_int(buffers.CAPTURE))
        self._sequence = None

    def take(self) -> Picture | None:
        """The next picture; None when there is none yet, or only a damaged one. Raises `OSError`."""
        try:
            answer = self._node.ask(StreamRequest.DQBUF, buffers.pack_buffer(0))
        except BlockingIOError:
            return None
        found = buffers.unpack_buffer(answer)
        if found.index >= len(self._memory):
            raise OSError(errno.EIO, "the driver names a buffer that is not there")
        self._count(found.sequence)
        data = None
        if not found.is_damaged:
            data = without_padding(self._memory[found.index][: found.used], self._shape)
        self._node.ask(StreamRequest.QBUF, buffers.pack_buffer(found.index))
        if data is None:
            self.damaged += 1
            return None
        return Picture(data, found.time_us)

    def stop(self) -> None:
        """Gives everything back; a device that is gone has nothing to give back to."""
        with suppress(OSError):
            self._node.ask(StreamRequest.STREAMOFF, buffers.pack_int(buffers.CAPTURE))
        self._memory.clear()
        self._node.unmap()
        with suppress(OSError):
            self._node.ask(StreamRequest.REQBUFS, buffers.pack_buffer_count(0))

    def _count(self, sequence: int) -> None:
        last, self._sequence = self._sequence, sequence
        if last is not None:
            # 32 bits that wrap; a driver that doesn't count, or starts again, loses nothing by that.
            step = (sequence - last) % (1 << 32)
            self.lost += step - 1 if 1 <= step < 1 << 31 else 0
