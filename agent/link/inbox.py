"""Messages to this box, on their way from the link's thread to the keeper's.

Guarantees: at most `MAX_MESSAGES` and `MAX_BYTES` wait; what finds no room is counted, never waited for, so
that a flood can't block the link or fill the memory. The caller takes from one thread, and tells of losses.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from threading import Lock

from agent.link.wire import Inbound

MAX_MESSAGES = 64
MAX_BYTES = 1024 * 1024


class Inbox:
    """`wake` is called from the link's thread when something is there to take."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._lock = Lock()
        self._waiting: deque[Inbound] = deque()
        self._bytes = 0
        self._lost = 0

    def __len__(self) -> int:
        """How many messages wait."""
        return len(self._waiting)

    def put(self, message: Inbound) -> None:
        """Never blocks for longer than the other side copies a reference."""
        with self._lock:
            size = len(message.payload) + len(message.topic)
            if len(self._waiting) >= MAX_MESSAGES or self._bytes + size > MAX_BYTES:
                self._lost += 1
            else:
                self._waiting.append(message)
                self._bytes += size
        self._wake()

    def take(self, limit: int) -> tuple[list[Inbound], int]:
        """Up to `limit` messages in their order, and how many were lost since the last call."""
        with self._lock:
            taken = [self._waiting.popleft() for _ in range(min(limit, len(self._waiting)))]
            self._bytes -= sum(len(one.payload) + len(one.topic) for one in taken)
            lost, self._lost = self._lost, 0
        return taken, lost
