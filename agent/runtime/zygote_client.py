"""The keeper's side of the zygote: start it, ask for children, hear of their ends.

Guarantees: a zygote that died is started again on the next `spawn`; every child's end is told once to
its `on_exit`. The vault's lock descriptor is inherited, so the vault stays locked while a child lives.
"""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

_MESSAGE_BYTES = 4096
START_TIMEOUT_S = 30.0


@dataclass(slots=True)
class Child:
    """A channel process: its pid and the keeper's end of its socket pair."""

    pid: int
    end: socket.socket
    on_exit: Callable[[str], None]


class ZygoteClient:
    """Lives in the keeper's event loop."""

    def __init__(self, lock_descriptor: int) -> None:
        self._lock_descriptor = lock_descriptor
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._children: dict[int, Child] = {}
        self._waiting: dict[str, asyncio.Future[int]] = {}
        self._ready: asyncio.Future[None] | None = None

    @property
    def pid(self) -> int | None:
        """The zygote's pid while it runs."""
        return None if self._process is None else self._process.pid

    async def spawn(self, channel: str, on_exit: Callable[[str], None]) -> Child:
        """Forks a child for `channel`. `on_exit` gets words such as `signal 9`."""
        await self._ensure_running()
        control = self._control
        if control is None:
            raise RuntimeError("the zygote is not running")
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._waiting[channel] = future
        with theirs:
            message = json.dumps({"t": "spawn", "channel": channel}).encode()
            socket.send_fds(control, [message], [theirs.fileno()])
        pid = await asyncio.wait_for(future, START_TIMEOUT_S)
        child = Child(pid, ours, on_exit)
        self._children[pid] = child
        return child

    def kill(self, child: Child) -> None:
        """SIGKILL, sent by the zygote, which alone knows that the pid is still this child."""
        if self._control is not None:
            with suppress(OSError):
                self._control.send(json.dumps({"t": "kill", "pid": child.pid}).encode())

    def close(self) -> None:
        """Lets the zygote end: it gives its children time and leaves."""
        self._disconnect()
        if self._process is not None:
            self._process.wait()
            self._process = None

    async def _ensure_running(self) -> None:
        if self._control is None:
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            ours.setblocking(False)
            with theirs:
                self._process = subprocess.Popen(
                    [sys.executable, "-m", "agent.runtime.zygote", str(theirs.fileno())],
                    pass_fds=(theirs.fileno(), self._lock_descriptor),
                    stdin=subprocess.DEVNULL,
                )
            self._control = ours
            loop = asyncio.get_running_loop()
            self._ready = loop.create_future()
            loop.add_reader(ours, self._readable)
        if self._ready is not None:
            await asyncio.wait_for(asyncio.shield(self._ready), START_TIMEOUT_S)

    def _readable(self) -> None:
        if self._control is None:
            return
        try:
            data = self._control.recv(_MESSAGE_BYTES)
        except BlockingIOError:
            return
        except ConnectionResetError:
            data = b""
        if not data:
            self._lost()
            return
        message = json.loads(data)
        match message["t"]:
            case "ready" if self._ready is not None and not self._ready.done():
                self._ready.set_result(None)
            case "spawned":
                future = self._waiting.pop(message["channel"], None)
                if future is not None and not future.done():
                    future.set_result(message["pid"])
            case "exited":
                child = self._children.pop(message["pid"], None)
                if child is not None:
                    child.on_exit(_words(message["status"]))

    def _lost(self) -> None:
        """The zygote died: its children were told by the kernel and are lost to us too."""
        self._disconnect()
        if self._process is not None:
            self._process.wait()
            self._process = None
        for child in list(self._children.values()):
            child.on_exit("zygote died")
        self._children.clear()
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(ConnectionResetError("the zygote died"))
        self._waiting.clear()

    def _disconnect(self) -> None:
        if self._control is not None:
            asyncio.get_running_loop().remove_reader(self._control)
            self._control.close()
            self._control = None


def _words(status: int) -> str:
    return f"signal {-status}" if status < 0 else f"exit {status}"
