"""A TCP gate on loopback between a box and its broker: shut, nobody gets through.

Guarantees: bytes pass unchanged and in order; when one side ends, the other side's connection ends too;
`shut` ends all connections. A broker without memory must not get messages while nobody has subscribed yet:
so the gate opens when the listener is ready.
"""

from __future__ import annotations

import socket
import threading
from contextlib import suppress

from tests.fakes.brokers import LOOPBACK


class Gate:
    """Shut at first. Leads to `port` of this machine."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._lock = threading.Lock()
        self._open = False
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._listener = socket.create_server((LOOPBACK, 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, name="gate", daemon=True).start()

    def open(self) -> None:
        with self._lock:
            self._open = True

    def shut(self) -> None:
        with self._lock:
            self._open = False
            pairs, self._pairs = self._pairs, []
        for pair in pairs:
            _end(*pair)

    def close(self) -> None:
        self.shut()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                inner, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                outer = self._lead(inner) if self._open else None
            if outer is None:
                inner.close()
                continue
            for here, there in ((inner, outer), (outer, inner)):
                threading.Thread(target=_pass_on, args=(here, there), daemon=True).start()

    def _lead(self, inner: socket.socket) -> socket.socket | None:
        try:
            outer = socket.create_connection((LOOPBACK, self._to), timeout=5)
        except OSError:
            return None
        outer.settimeout(None)
        self._pairs.append((inner, outer))
        return outer


def _pass_on(here: socket.socket, there: socket.socket) -> None:
    with suppress(OSError):
        while data := here.recv(1 << 16):
            there.sendall(data)
    _end(here, there)


def _end(*both: socket.socket) -> None:
    for one in both:
        with suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
