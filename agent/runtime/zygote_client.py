"""The keeper's side of the zygote: start it, ask for children, hear of their ends.

Guarantees: a zygote that died is started again on the next `spawn`; every child's end is told once to its
`on_exit`, and not before the process is gone, so that its files don't change any more. Children of a
zygote that died are told to leave, and killed when they don't. The vault's lock descriptor is inherited,
so the vault stays locked while a child lives.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass

from agent.model.errors import Retry

_MESSAGE_BYTES = 4096
# numpy's OpenBLAS and OpenCV start threads when they are imported; a process with threads must not fork.
_ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OPENCV_FOR_THREADS_NUM": "1", "OMP_NUM_THREADS": "1"}
START_TIMEOUT_S = 30.0
ORPHAN_GRACE_S = 5.0


@dataclass(slots=True)
class Child:
    """A channel process: its pid, a pidfd of it, and the keeper's end of its socket pair."""

    pid: int
    pidfd: int
    end: socket.socket
    on_exit: Callable[[str], None]


class ZygoteClient:
    """Lives in the keeper's event loop."""

    def __init__(self, lock_descriptor: int, kinds: Iterable[str] = ()) -> None:
        """`kinds` are the kinds of sources that children will open: their libraries are loaded once."""
        self._lock_descriptor = lock_descriptor
        self._kinds = tuple(sorted(set(kinds)))
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._children: dict[int, Child] = {}
        self._waiting: dict[str, asyncio.Future[int]] = {}
        self._ready: asyncio.Future[None] | None = None
        self._ended_early: set[int] = set()

    @property
    def pid(self) -> int | None:
        """The zygote's pid while it runs."""
        return None if self._process is None else self._process.pid

    async def spawn(
        self,
        channel: str,
        on_exit: Callable[[str], None],
        *,
        media: socket.socket | None = None,
        derives: bool = False,
    ) -> Child:
        """Forks a child for `channel`. `on_exit` gets words such as `signal 9`.

        `media` is the child's end of the hand-over to a derivative; with `derives` the child is that one.
        Raises `Retry` `zygote.failed` when the zygote does not start or dies meanwhile.
        """
        try:
            return await self._spawn(channel, on_exit, media, derives=derives)
        except (TimeoutError, OSError) as error:
            raise Retry(
                "zygote.failed",
                f"no process could be made for channel {channel}: {type(error).__name__}",
                "look at the memory of the box and at the log; it is tried again by itself",
                after_s=1.0,
            ) from None

    async def _spawn(
        self, channel: str, on_exit: Callable[[str], None], media: socket.socket | None, *, derives: bool
    ) -> Child:
        await self._ensure_running()
        control = self._control
        if control is None:
            raise ConnectionResetError("the zygote is not running")
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._waiting[channel] = future
        try:
            with theirs:
                message = json.dumps({"t": "spawn", "channel": channel, "derives": derives}).encode()
                more = [] if media is None else [media.fileno()]
                socket.send_fds(control, [message], [theirs.fileno(), *more])
            pid = await asyncio.wait_for(future, START_TIMEOUT_S)
            if pid in self._ended_early:
                self._ended_early.discard(pid)
                raise ProcessLookupError("the process has ended already")
            child = Child(pid, os.pidfd_open(pid), ours, on_exit)
        except BaseException:
            ours.close()
            raise
        self._children[pid] = child
        return child

    def kill(self, child: Child) -> None:
        """SIGKILL. Harmless when the child is gone."""
        if self._children.get(child.pid) is child:
            _kill(child.pidfd)

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
            self._ready = asyncio.get_running_loop().create_future()
            with theirs:
                self._process = subprocess.Popen(
                    [sys.executable, "-m", "agent.runtime.zygote", str(theirs.fileno()), *self._kinds],
                    pass_fds=(theirs.fileno(), self._lock_descriptor),
                    stdin=subprocess.DEVNULL,
                    env={**os.environ, **_ONE_THREAD},
                )
            self._control = ours
            asyncio.get_running_loop().add_reader(ours, self._readable)
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
                self._ended(message["pid"], _words(message["status"]))

    def _ended(self, pid: int, how: str) -> None:
        child = self._children.pop(pid, None)
        if child is None:  # its `spawn` has not come back yet
            self._ended_early.add(pid)
            return
        os.close(child.pidfd)
        child.on_exit(how)

    def _lost(self) -> None:
        """The zygote died. Its children live on without a parent that we know: they have to leave."""
        self._disconnect()
        if self._process is not None:
            self._process.wait()
            self._process = None
        for child in list(self._children.values()):
            self._expel(child)
        failure = ConnectionResetError("the zygote died")
        for future in (self._ready, *self._waiting.values()):
            if future is not None and not future.done():
                future.set_exception(failure)
        self._waiting.clear()

    def _expel(self, child: Child) -> None:
        """Closes the child's socket, which makes it end its segment; kills it when that takes too long."""
        loop = asyncio.get_running_loop()
        timer = loop.call_later(ORPHAN_GRACE_S, _kill, child.pidfd)

        def gone() -> None:
            timer.cancel()
            loop.remove_reader(child.pidfd)
            self._ended(child.pid, "zygote died")

        loop.add_reader(child.pidfd, gone)
        with suppress(OSError):
            child.end.shutdown(socket.SHUT_RDWR)

    def _disconnect(self) -> None:
        if self._control is not None:
            asyncio.get_running_loop().remove_reader(self._control)
            self._control.close()
            self._control = None


def _kill(pidfd: int) -> None:
    with suppress(ProcessLookupError):
        signal.pidfd_send_signal(pidfd, signal.SIGKILL)


def _words(status: int) -> str:
    return f"signal {-status}" if status < 0 else f"exit {status}"
