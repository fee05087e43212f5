"""One end of a SEQPACKET socket pair between the keeper and a channel process, channel side.

Guarantees: one message per datagram; `receive` returns None when nothing came in time and raises
`KeeperGone` when the keeper has died. Blocking, one thread.
"""

from __future__ import annotations

import select
import socket

from agent.formats.ipc_v1 import MAX_BYTES, FromChannel, ToChannel, decode_to_channel, encode


class KeeperGone(Exception):
    """The other end is closed: finish what is open and leave."""


class MessageSocket:
    """Owns `end`."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end

    def send(self, message: FromChannel) -> None:
        """Blocks when the keeper is slow; the kernel's buffer holds a few hundred messages."""
        try:
            self._end.send(encode(message))
        except (BrokenPipeError, ConnectionResetError):
            raise KeeperGone from None

    def receive(self, timeout_s: float) -> ToChannel | None:
        """The next message, or None after `timeout_s` seconds."""
        data = self.receive_bytes(timeout_s)
        return None if data is None else decode_to_channel(data)

    def settings(self, timeout_s: float) -> bytes | None:
        """The first datagram; None when it doesn't come, or the keeper has died meanwhile."""
        try:
            return self.receive_bytes(timeout_s)
        except KeeperGone:
            return None

    def receive_bytes(self, timeout_s: float) -> bytes | None:
        """The next datagram as it is."""
        ready, _, _ = select.select([self._end], [], [], timeout_s)
        if not ready:
            return None
        try:
            data = self._end.recv(MAX_BYTES)
        except ConnectionResetError:
            raise KeeperGone from None
        if not data:
            raise KeeperGone
        return data
