"""A bar for work that takes long: one line on a terminal, nothing anywhere else.

Guarantees: writes only when the stream is a terminal, at most five times a second, and leaves a clean line.
Time is an argument. Leaves out what the work is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TextIO

_EVERY_NS = 200_000_000
_WIDTH = 30


class ProgressBar:
    """For work of several passes over so many pieces; called with (pass, piece, pieces or 0)."""

    def __init__(self, stream: TextIO, passes: int, mono_ns: Callable[[], int]) -> None:
        self._stream = stream
        self._passes = passes
        self._now = mono_ns
        self._shown_at: int | None = None
        self._length = 0
        self._wanted = stream.isatty()

    def __call__(self, number: int, piece: int, pieces: int) -> None:
        """Shows that pass `number` is at `piece`."""
        if not self._wanted:
            return
        now = self._now()
        if self._shown_at is not None and now - self._shown_at < _EVERY_NS and piece != pieces:
            return
        self._shown_at = now
        self._show(self._line(number, piece, pieces))

    def close(self) -> None:
        """Takes the line away."""
        if self._length:
            self._show("")
            self._stream.write("\r")
            self._stream.flush()
            self._length = 0

    def _line(self, number: int, piece: int, pieces: int) -> str:
        head = f"pass {number} of {self._passes} "
        if pieces <= 0:
            return f"{head}{piece} frames"
        done = min(1.0, piece / pieces)
        bar = "#" * int(done * _WIDTH)
        return f"{head}[{bar:<{_WIDTH}}] {int(done * 100):3} % {piece}/{pieces} frames"

    def _show(self, line: str) -> None:
        self._stream.write("\r" + line.ljust(self._length))
        self._stream.flush()
        self._length = len(line)
