"""A video node of the kernel, opened: requests, memory of buffers, waiting. All that touches the world.

Guarantees: what the kernel refuses is an `OSError` with its number; nothing waits longer than it is told to.
The caller translates the errors, and closes. `VideoNode` is the port; the fake of the tests implements it.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import mmap
import os
import select
from dataclasses import dataclass
from struct import Struct
from typing import Protocol

from agent.device.edid import BLOCK

_G_EDID = 0xC0285628
_EDID = Struct("<3I20xQ")  # pad, start block, number of blocks; address of the bytes
_MOST_BLOCKS = 256


@dataclass(frozen=True, slots=True)
class Ready:
    """What a wait ended with; all false when the time was over."""

    picture: bool = False
    event: bool = False
    error: bool = False


class VideoNode(Protocol):
    """An open video node."""

    def ask(self, request: int, data: bytes) -> bytes:
        """The kernel's answer to one ioctl. Raises `OSError`."""
        ...

    def edid(self) -> bytes | None:
        """The EDID that the present input shows to its source; None without."""
        ...

    def map(self, place: int, size: int) -> memoryview:
        """The memory of one buffer, until `unmap`. Raises `OSError`."""
        ...

    def unmap(self) -> None:
        """Lets go of all memory of buffers."""
        ...

    def wait(self, seconds: float) -> Ready:
        """Until there is a picture, an event or an error, at most so long."""
        ...

    def close(self) -> None:
        """Once."""
        ...


class KernelNode:
    """Implements `VideoNode` on a real device."""

    def __init__(self, path: str) -> None:
        """Raises `OSError`."""
        self._file = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        self._maps: list[tuple[mmap.mmap, memoryview]] = []
        self._poll = select.poll()
        self._poll.register(self._file, select.POLLIN | select.POLLPRI)

    def ask(self, request: int, data: bytes) -> bytes:
        room = bytearray(data)
        while True:
            try:
                fcntl.ioctl(self._file, request, room, True)
            except InterruptedError:  # a signal came: Python asks again for reads, not for ioctls
                continue
            return bytes(room)

    def edid(self) -> bytes | None:
        try:
            # With no blocks asked for, the driver answers how many there are.
            _, _, count, _ = _EDID.unpack(self.ask(_G_EDID, _EDID.pack(0, 0, 0, 0)))
            if not 0 < count <= _MOST_BLOCKS:
                return None
            room = ctypes.create_string_buffer(BLOCK * count)
            self.ask(_G_EDID, _EDID.pack(0, 0, count, ctypes.addressof(room)))
        except OSError as error:
            if error.errno == errno.ENODEV:
                raise
            return None
        return room.raw

    def map(self, place: int, size: int) -> memoryview:
        area = mmap.mmap(self._file, size, offset=place)
        view = memoryview(area)
        self._maps.append((area, view))
        return view

    def unmap(self) -> None:
        for area, view in self._maps:
            view.release()
            area.close()
        self._maps.clear()

    def wait(self, seconds: float) -> Ready:
        bits = sum(found for _, found in self._poll.poll(max(0.0, seconds) * 1000))
        return Ready(
            picture=bool(bits & select.POLLIN),
            event=bool(bits & select.POLLPRI),
            error=bool(bits & (select.POLLERR | select.POLLHUP | select.POLLNVAL)),
        )

    def close(self) -> None:
        self.unmap()
        os.close(self._file)
