"""The state of a grabber's input in words, from what the driver answers. Pure.

Guarantees: one state, the most basic fault first: without power nothing else is to be known. A driver that
can't tell gives `unknown`, never `present`. Bits: V4L2_IN_ST_* of linux/videodev2.h; errors:
https://docs.kernel.org/userspace-api/media/v4l/vidioc-query-dv-timings.html.
"""

from __future__ import annotations

import errno
from dataclasses import dataclass
from enum import StrEnum

from agent.model.media import Signal

_NO_POWER = 0x00000001
_NO_SIGNAL = 0x00000002
_NO_LOCK = 0x00000100 | 0x00000400 | 0x00000800 | 0x00010000  # H, V, standard, sync
_NO_CARRIER = 0x00040000


class InputSignal(StrEnum):
    """What comes in at the input."""

    PRESENT = "present"
    NO_POWER = "no-power"
    NO_SIGNAL = "no-signal"
    NO_LOCK = "no-lock"
    OUT_OF_RANGE = "out-of-range"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class SignalState:
    """The state, in words for a technician, and what to do about it."""

    signal: InputSignal
    text: str
    advice: str

    @property
    def for_channel(self) -> Signal:
        """The same as a channel reports it."""
        if self.signal is InputSignal.UNKNOWN:
            return Signal.UNKNOWN
        return Signal.PRESENT if self.signal is InputSignal.PRESENT else Signal.ABSENT


_STATES = {
    state.signal: state
    for state in (
        SignalState(InputSignal.PRESENT, "a signal is there and locked", "nothing"),
        SignalState(InputSignal.NO_POWER, "the device at the input is off", "switch it on"),
        SignalState(
            InputSignal.NO_SIGNAL, "no cable, or the source is off", "look at the cable and the source"
        ),
        SignalState(
            InputSignal.NO_LOCK,
            "a signal is there, but it can't be locked on: unstable",
            "try another cable, shorter or better; take adapters out",
        ),
        SignalState(
            InputSignal.OUT_OF_RANGE,
            "the source sends a mode that this grabber can't take",
            "set the source to a mode of the grabber, for example 1920x1080 at 50 or 60 Hz",
        ),
        SignalState(InputSignal.UNKNOWN, "the driver can't tell the signal", "watch the picture"),
    )
}
_BASIC_FIRST = (
    InputSignal.NO_POWER,
    InputSignal.NO_SIGNAL,
    InputSignal.OUT_OF_RANGE,
    InputSignal.NO_LOCK,
)
_BY_ERROR = {
    errno.ENOLINK: InputSignal.NO_SIGNAL,
    errno.ENOLCK: InputSignal.NO_LOCK,
    errno.ERANGE: InputSignal.OUT_OF_RANGE,
}


def signal_of_input(status: int) -> SignalState:
    """By the status bits of `ENUMINPUT`. Analogue and DV inputs; a USB camera sets none of them."""
    for bits, signal in (
        (_NO_POWER, InputSignal.NO_POWER),
        (_NO_SIGNAL | _NO_CARRIER, InputSignal.NO_SIGNAL),
        (_NO_LOCK, InputSignal.NO_LOCK),
    ):
        if status & bits:
            return _STATES[signal]
    return _STATES[InputSignal.PRESENT]


def signal_of_timings(error: int | None) -> SignalState:
    """By the error number of `QUERY_DV_TIMINGS`, None when it answered. Anything else means: can't tell."""
    if error is None:
        return _STATES[InputSignal.PRESENT]
    return _STATES[_BY_ERROR.get(error, InputSignal.UNKNOWN)]


def signal_of(status: int | None, error: int | None, *, has_timings: bool) -> SignalState:
    """Both together: the most basic fault that either of them tells, else what the timings tell.

    A mode out of range goes before a missing lock: drivers set the bits of the second for the first, too.
    `status` None: the input was not asked. `has_timings`: the driver knows `QUERY_DV_TIMINGS`. Without
    timings a clean status proves nothing (USB grabbers always say so): `unknown`.
    """
    by_input = signal_of_input(status) if status is not None else _STATES[InputSignal.UNKNOWN]
    by_timings = signal_of_timings(error) if has_timings else _STATES[InputSignal.UNKNOWN]
    faults = [state for state in (by_input, by_timings) if state.signal in _BASIC_FIRST]
    return min(faults, key=lambda state: _BASIC_FIRST.index(state.signal), default=by_timings)
