"""The zygote: a process that has imported the media libraries, holds no secrets and has no threads, and
forks channel processes, so that isolation costs little memory.

Guarantees: every child is reaped and its end reported; when the keeper dies, children get five seconds
to end their segments and are then killed; core dumps are off. It gets from the keeper only a
channel's name and a socket, and a second one that leads from a channel's process to its derivative's. Run
as `python -m agent.runtime.zygote CONTROL_FD`.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import select
import signal
import socket
import sys
import traceback
from contextlib import suppress
from pathlib import Path

from agent.runtime import channel_process
from agent.runtime.warm_up import warm_up

GRACE_S = 5.0
_MESSAGE_BYTES = 4096


class Zygote:
    """One control socket, many children."""

    def __init__(self, control: socket.socket, wakeup: int) -> None:
        self._control = control
        self._wakeup = wakeup
        self._children: set[int] = set()

    def run(self) -> None:
        """Until the keeper closes the control socket."""
        self._send({"t": "ready"})
        while True:
            ready, _, _ = select.select([self._control.fileno(), self._wakeup], [], [])
            if self._wakeup in ready:
                os.read(self._wakeup, 4096)
                self._reap()
            if self._control.fileno() in ready and not self._serve():
                break
        self._end_children()

    def _serve(self) -> bool:
        try:
            data, descriptors, _, _ = socket.recv_fds(self._control, _MESSAGE_BYTES, 2)
        except ConnectionResetError:
            return False
        if not data:
            return False
        message = json.loads(data)
        if message["t"] == "spawn":
            self._spawn(message["channel"], descriptors, derives=message["derives"])
        return True

    def _spawn(self, channel: str, descriptors: list[int], *, derives: bool) -> None:
        pid = os.fork()
        if pid == 0:
            _child(descriptors, [self._control.fileno(), self._wakeup], derives=derives)
        for descriptor in descriptors:
            os.close(descriptor)
        self._children.add(pid)
        self._send({"t": "spawned", "channel": channel, "pid": pid})

    def _reap(self) -> None:
        while self._children:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                self._children.clear()
                return
            if pid == 0:
                return
            self._children.discard(pid)
            self._send({"t": "exited", "pid": pid, "status": os.waitstatus_to_exitcode(status)})

    def _end_children(self) -> None:
        """The keeper is gone: its sockets are closed, so children are already ending their segments."""
        signal.alarm(round(GRACE_S))
        signal.signal(signal.SIGALRM, lambda _number, _frame: self._kill_all())
        while self._children:
            with suppress(ChildProcessError, InterruptedError):
                pid, _ = os.waitpid(-1, 0)
                self._children.discard(pid)
                continue
            break

    def _kill_all(self) -> None:
        for pid in self._children:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def _send(self, message: dict[str, str | int]) -> None:
        with suppress(BrokenPipeError, ConnectionResetError):
            self._control.send(json.dumps(message).encode())


def _child(descriptors: list[int], inherited: list[int], *, derives: bool) -> None:
    """Never returns: what is left of the zygote's state must not run on in a child."""
    code = 70
    try:
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        for other in inherited:
            os.close(other)
        end, *media = (socket.socket(fileno=descriptor) for descriptor in descriptors)
        if derives:
            # After the fork: the detector's runtime starts a thread when it is imported.
            from agent.runtime import derivative_process

            derivative_process.main(end, *media)
        else:
            channel_process.main(end, *media)
        code = 0
    finally:
        if (error := sys.exc_info()[1]) is not None:
            # Type and place only: a foreign exception's text may hold an address with a password.
            place = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{Path(place.filename).name}:{place.lineno}"
            sys.stderr.write(f"channel process failed: {type(error).__name__} at {where}\n")
            sys.stderr.flush()
        os._exit(code)


def main() -> None:
    """Entry of the exec'd zygote."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    control = socket.socket(fileno=int(sys.argv[1]))
    reader, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.set_wakeup_fd(writer)
    warm_up(frozenset(sys.argv[2:]))
    gc.collect()
    gc.freeze()
    Zygote(control, reader).run()


if __name__ == "__main__":
    main()
