"""Talks to systemd (sd_notify(3)): ready, watchdog, starting anew, stopping, status.

Guarantees: a datagram to $NOTIFY_SOCKET, or nothing when the agent isn't run by systemd.
"""

from __future__ import annotations

import os
import socket
from contextlib import suppress

# As long as the unit gives a start (TimeoutStartSec).
START_USEC = 300_000_000


class SystemdNotifier:
    """Sends state lines; `address` is $NOTIFY_SOCKET or None."""

    def __init__(self, address: str | None) -> None:
        self._address = "\0" + address[1:] if address and address.startswith("@") else address

    @classmethod
    def from_environment(cls) -> SystemdNotifier:
        """The notifier for this process; the variable is removed so that children do not inherit it."""
        return cls(os.environ.pop("NOTIFY_SOCKET", None))

    def ready(self, status: str) -> None:
        """READY, and the watchdog's time as the unit has it, which `starting_anew` may have stretched."""
        watchdog = os.environ.get("WATCHDOG_USEC")
        self.send("READY=1", f"STATUS={status}", *((f"WATCHDOG_USEC={watchdog}",) if watchdog else ()))

    def starting_anew(self, mono_ns: int) -> None:
        """This process executes itself again: not a stop, and no pings until it is ready.

        The environment gets the variable back, for the program that comes.
        """
        if self._address is None:
            return
        self.send("RELOADING=1", f"MONOTONIC_USEC={mono_ns // 1000}", f"WATCHDOG_USEC={START_USEC}")
        os.environ["NOTIFY_SOCKET"] = self._address.replace("\0", "@", 1)

    def send(self, *lines: str) -> None:
        """Sends for example `READY=1` or `WATCHDOG=1`."""
        if not self._address:
            return
        # A lost ping is followed by the next; a notification must never stop or hold up a recording.
        with (
            suppress(OSError),
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel,
        ):
            channel.sendto("\n".join(lines).encode(), socket.MSG_DONTWAIT, self._address)
