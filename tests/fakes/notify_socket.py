"""The end of sd_notify(3) that systemd holds: a real datagram socket that keeps what was said, and when.

Guarantees: `said` has every state line that arrived so far, in order, with its time on the monotonic clock.
Leaves out what systemd does with it. The caller gives `path` as NOTIFY_SOCKET.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_LONGEST = 4096


class NotifySocket:
    """Read without threads: each look takes in what has arrived; the kernel keeps datagrams in order."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        self._socket.setblocking(False)
        self._socket.bind(str(path))
        self._said: list[tuple[float, str]] = []

    def said(self, line: str) -> list[float]:
        """When `line` (`READY=1`) was first seen to have been said, once for each time."""
        self._take_in()
        return [when for when, one in self._said if one == line]

    def lines(self) -> list[str]:
        """Everything, in order."""
        self._take_in()
        return [line for _, line in self._said]

    def quiet_s(self, line: str) -> float:
        """Seconds since `line` was last seen; since for ever when it never was."""
        seen = self.said(line)
        return time.monotonic() - seen[-1] if seen else float("inf")

    def close(self) -> None:
        """The path is gone too."""
        self._socket.close()
        self.path.unlink()

    def _take_in(self) -> None:
        while True:
            try:
                data = self._socket.recv(_LONGEST)
            except BlockingIOError:
                return
            now = time.monotonic()
            self._said += [(now, line) for line in data.decode("utf-8").split("\n")]


@contextmanager
def notify_socket(directory: Path) -> Iterator[NotifySocket]:
    """One in `directory`, which must be short enough for a socket path (108 bytes)."""
    socket_ = NotifySocket(directory / "notify")
    try:
        yield socket_
    finally:
        socket_.close()
