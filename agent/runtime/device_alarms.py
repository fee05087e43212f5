"""The alarms of a channel whose device, asked at its opening, is not set as the spec asks (STD 6.2).

Guarantees: `device.settings` while a setting reads back otherwise, with what was asked, what was got and why;
`device.clock` while the device's clock is more than two seconds off (it tells whole seconds); both are judged
anew at every opening, and taken away when the next one finds nothing. Leaves out what is delivered: that is
measured and judged by the rules (`spec_alarms.py`).
"""

from __future__ import annotations

from agent.formats import ipc_v1 as ipc
from agent.runtime.book import Book

SETTINGS = "device.settings"
CLOCK = "device.clock"
_CLOCK_LIMIT_MS = 2_000
_WHY = {
    "not-offered": "the device offers no such value",
    "refused": "the device refused it",
    "changed": "the device made something else of it",
    "left-alone": "it was left as it is",
}


class DeviceAlarms:
    """One channel's; called from the keeper's main thread only."""

    def __init__(self, entity: str, book: Book) -> None:
        self._entity = entity
        self._book = book

    def source_opened(self, message: ipc.SourceOpened) -> None:
        """Raises and closes what follows from what the device told; nothing for one that wasn't asked."""
        if message.device is None:
            return
        wrong = "; ".join(
            f"{one.setting}: asked {one.asked}, got {one.got} ({_WHY[one.why]})"
            for one in message.device.differences
        )
        self._book.hold_alarm(
            self._entity,
            SETTINGS,
            f"the device is not set as the collection spec asks: {wrong}" if wrong else None,
            "set it on the device, or correct the channel's spec; recording goes on, judged by what comes",
        )
        ahead_ms = message.device.clock_ahead_ms
        is_off = ahead_ms is not None and abs(ahead_ms) > _CLOCK_LIMIT_MS
        self._book.hold_alarm(
            self._entity,
            CLOCK,
            f"the device's clock is {_off(ahead_ms)}" if ahead_ms is not None and is_off else None,
            "set the device's time source (NTP); the times of recordings are this box's own",
        )


def _off(ahead_ms: int) -> str:
    """Whole seconds: another opening a second later is no news."""
    return f"{round(abs(ahead_ms) / 1000)} s {'ahead' if ahead_ms > 0 else 'behind'}"
