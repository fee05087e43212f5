"""Ends the waiting of a thread that waits for a broker, from another thread or a signal handler.

Guarantees: `wake` never blocks and never raises; many of them before the waiting thread looks are one.
`out` is readable from then on until `drain`, for `select` and for `wire.pump`. The caller closes it when no
thread waits any more.
"""

from __future__ import annotations

import socket
from contextlib import suppress


class Waker:
    """See the module's text."""

    def __init__(self) -> None:
        self._in, self.out = socket.socketpair()
        self._in.setblocking(False)
        self.out.setblocking(False)

    def wake(self) -> None:
        """Whoever waits looks again."""
        with suppress(OSError):  # full: a wake-up is on its way; closed: nobody is left to wake
            self._in.send(b"\0")

    def drain(self) -> None:
        """Forgets the wake-ups so far."""
        with suppress(BlockingIOError):
            self.out.recv(4096)

    def close(self) -> None:
        """Nobody waits any more."""
        self._in.close()
        self.out.close()
