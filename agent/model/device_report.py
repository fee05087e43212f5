"""What a device said about itself when it was opened, and what became of the settings asked of it.

Guarantees: frozen values; texts are a device's own words, cut to `LONGEST` and free of control characters
when made by `told`. Leaves out what is measured: a device that reads a value back may still not deliver it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

# Longer texts identify nothing.
LONGEST = 100


class Why(StrEnum):
    """Why a setting is not what the collection spec asks for."""

    NOT_OFFERED = "not-offered"  # the device offers no such value; the nearest one was asked for
    REFUSED = "refused"  # the device answered the request with an error
    CHANGED = "changed"  # it took the request, and reads back something else
    LEFT_ALONE = "left-alone"  # the configuration says that nothing is to be set, or nothing can be


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One setting that reads back other than the spec asks, as text with units."""

    setting: str
    asked: str
    got: str
    why: Why


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceReport:
    """Identity, clock and settings of a device at one opening. None is "not told".

    `clock_ahead_ms` is how far the device's clock is ahead of ours, as good as the device tells: a second.
    `written` names the settings that were written to the device at this opening.
    """

    manufacturer: str | None = None
    model: str | None = None
    firmware: str | None = None
    serial: str | None = None
    clock_ahead_ms: int | None = None
    media_profile: str | None = None
    written: tuple[str, ...] = ()
    differences: tuple[Difference, ...] = ()


def told(value: object) -> str | None:
    """A device's word as it may be shown and kept; None for what is empty or no text."""
    if not isinstance(value, str):
        return None
    clean = "".join(letter if letter.isprintable() else " " for letter in value[: 4 * LONGEST])
    return " ".join(clean.split())[:LONGEST] or None
