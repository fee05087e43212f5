"""What a test does to a bench and waits for: figures kept, faults brought about, facts awaited."""

from __future__ import annotations

import time
from collections.abc import Callable

# A technician reads the line, walks to the device and pulls the plug.
BY_HAND_S = 120.0

Note = Callable[[str, object, object], None]
Happen = Callable[[tuple[str, ...] | str | None, str], None]


def wait_until(what: str, holds: Callable[[], bool], seconds: float) -> float:
    """Looks until it holds; seconds that it took. Fails with its name."""
    began = time.monotonic()
    while not holds():
        assert time.monotonic() - began < seconds, f"never happened within {seconds:g} s: {what}"
        time.sleep(0.05)  # the distance of two looks
    return time.monotonic() - began
