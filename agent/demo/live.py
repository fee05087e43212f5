"""The time of recording: shows the table and waits for its end.

Guarantees: returns at the first stop signal, after the wanted seconds of recording, or when a child ends by
itself; nothing polls and nothing sleeps: everything that can happen wakes one selector. The second signal
raises KeyboardInterrupt.
"""

from __future__ import annotations

import selectors
import shutil
import signal
import socket
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

from agent.demo import table
from agent.demo.child import Child
from agent.demo.watcher import Watcher
from agent.host.clock import SystemClock
from agent.model.errors import Retry
from agent.model.times import NS_PER_S
from agent.runtime import status

START_S = 30.0
_TTY_EVERY_S = 0.5
_LINE_EVERY_S = 2.0


class Wakeups:
    """A socket that becomes readable when a signal or a message came. Restores the handlers at its end."""

    def __init__(self) -> None:
        self.signals = 0
        self.impatient = False
        self.readable, self._writable = socket.socketpair()
        self.readable.setblocking(False)
        self._writable.setblocking(False)

    def __enter__(self) -> Wakeups:
        self._before = {n: signal.signal(n, self._on_signal) for n in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self.readable.close()
        self._writable.close()

    def wake(self) -> None:
        """From any thread."""
        with suppress(OSError):  # full: a wake-up is on its way; closed: nobody is left to wake
            self._writable.send(b"\0")

    def clear(self) -> None:
        """Forgets the wake-ups so far."""
        with suppress(BlockingIOError):
            while self.readable.recv(4096):
                pass

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self.signals += 1
        if self.signals > 1 or self.impatient:
            raise KeyboardInterrupt
        self.wake()


class Screen:
    """The table in place on a terminal, else a line on stderr now and then."""

    def __init__(self, *, in_place: bool) -> None:
        self._in_place = in_place
        self._height = 0
        self.every_s = _TTY_EVERY_S if in_place else _LINE_EVERY_S

    def show(self, lines: Sequence[str], line: str) -> None:
        """`lines` for a terminal, `line` for a log."""
        if not self._in_place:
            print(line, file=sys.stderr, flush=True)
            return
        sys.stdout.write(table.redraw(lines, self._height, shutil.get_terminal_size().columns))
        sys.stdout.flush()
        self._height = len(lines)


class Live:
    """One run. `watch` may be called once."""

    def __init__(
        self, children: Sequence[Child], watcher: Watcher, wakeups: Wakeups, runtime: Path, screen: Screen
    ) -> None:
        self._children = children
        self._watcher = watcher
        self._wakeups = wakeups
        self._runtime = runtime
        self._screen = screen
        self._clock = SystemClock()
        self._recording_since: float | None = None

    @property
    def elapsed_s(self) -> float:
        """Seconds since the recording was opened; 0 when none was."""
        return 0.0 if self._recording_since is None else time.monotonic() - self._recording_since

    def watch(self, seconds: float | None) -> str | None:
        """Until the end; returns what went wrong, if anything did."""
        give_up = time.monotonic() + START_S
        draw_at = 0.0
        with selectors.DefaultSelector() as selector:
            selector.register(self._wakeups.readable, selectors.EVENT_READ)
            for child in self._children:
                selector.register(child.ended, selectors.EVENT_READ)
            while True:
                if self._recording_since is None and self._watcher.seen.recordings:
                    self._recording_since = time.monotonic()
                now = time.monotonic()
                end = self._end(seconds, give_up)
                if now >= draw_at or now >= end:
                    self._show(seconds)
                    draw_at = now + self._screen.every_s
                if self._wakeups.signals or now >= end:
                    return None if self._recording_since else "no recording was opened in time"
                selector.select(max(0.0, min(draw_at, end) - now))
                self._wakeups.clear()
                for child in self._children:
                    if child.exit_code is not None:
                        return f"the {child.name} ended by itself ({child.exit_code}): {child.last_words()}"

    def _end(self, seconds: float | None, give_up: float) -> float:
        if self._recording_since is None:
            return give_up
        return float("inf") if seconds is None else self._recording_since + seconds

    def _show(self, seconds: float | None) -> None:
        seen = self._watcher.seen
        found = self._status()
        older_s = 0.0
        if found is not None:
            older_s = (self._clock.mono_ns() - int(found["mono_ns"])) / NS_PER_S
        body = table.rows(seen, found, older_s)
        elapsed_s = None if self._recording_since is None else self.elapsed_s
        heading = table.heading(elapsed_s, seconds, seen)
        self._screen.show(table.render(heading, body, seen.alarms.values()), table.one_line(body, seen))

    def _status(self) -> Mapping[str, Any] | None:
        try:
            return status.read(self._runtime)
        except Retry:
            return None
