"""What is asked of an open video node, one function for each question, with values in and out.

Guarantees: an enumeration ends, whatever a driver answers; "there is no such thing" is an empty answer, any
other error of the kernel is the caller's `OSError`. Leaves out decisions (`v4l2_plan.py`) and streaming
(`v4l2_stream.py`).
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial

from agent.device import v4l2_buffers as buffers
from agent.device import v4l2_structs as structs
from agent.device.v4l2_buffers import Range, StreamRequest
from agent.device.v4l2_node import VideoNode
from agent.device.v4l2_pixels import KINDS
from agent.device.v4l2_plan import Offer, Size
from agent.device.v4l2_signal import SignalState, signal_of
from agent.device.v4l2_structs import (
    Capability,
    DvTimings,
    FrameInterval,
    FrameSize,
    InputState,
    PixelFormat,
    Request,
)

# No device has more formats, sizes or rates; a driver that never ends its list is not followed further.
_LONGEST_LIST = 128
# "There is no such thing here", as drivers say it of requests, of inputs and of numbers in a list.
_NONE = (errno.ENOTTY, errno.ENODATA, errno.EINVAL)
_QUERYSTD = 0x8008563F
_S_STD = 0x40085618
_WIDE = 8  # bytes of a v4l2_std_id


@dataclass(frozen=True, slots=True, kw_only=True)
class InputSeen:
    """The present input: its state in words, and its mode when it has digital timings.

    `raw` is the kernel's answer about the timings, to be set as it is.
    """

    signal: SignalState
    name: str
    timings: DvTimings | None = None
    raw: bytes | None = None


def identify(node: VideoNode) -> Capability:
    """Raises `OSError`, `Refuse`."""
    return structs.unpack_capability(_ask(node, Request.QUERYCAP))


def select_input(node: VideoNode, wanted: int | None) -> int | None:
    """Chooses the input if one is wanted; the number of the present one, None when the driver has none."""
    if wanted is not None:
        node.ask(StreamRequest.S_INPUT, buffers.pack_int(wanted))
    answer = _or_none(lambda: node.ask(StreamRequest.G_INPUT, buffers.pack_int(0)))
    return None if answer is None else buffers.unpack_int(answer)


def look_at_input(node: VideoNode, index: int | None) -> InputSeen:
    """What comes in at the present input, whose number is `index`. Raises `OSError`, `Refuse`."""
    state = None if index is None else _input_state(node, index)
    raw, error = None, None
    try:
        raw = _ask(node, Request.QUERY_DV_TIMINGS)
    except OSError as failure:
        if failure.errno == errno.ENODEV:
            raise
        error = failure.errno
    signal = signal_of(None if state is None else state.status, error, has_timings=error not in _NONE)
    return InputSeen(
        signal=signal,
        name="" if state is None else state.name,
        timings=None if raw is None else structs.unpack_dv_timings(raw),
        raw=raw,
    )


def set_timings(node: VideoNode, raw: bytes) -> bool:
    """Sets the mode that the source sends; False when the driver refuses it."""
    try:
        node.ask(Request.S_DV_TIMINGS, raw)
    except OSError as error:
        if error.errno == errno.ENODEV:
            raise
        return False
    return True


def set_standard(node: VideoNode) -> None:
    """Sets an analogue input to the standard (PAL, NTSC, …) that the driver detects, where it can."""
    with suppress(OSError):
        found = node.ask(_QUERYSTD, bytes(_WIDE))
        if any(found):
            node.ask(_S_STD, found)


def offers(node: VideoNode, sizes_to_ask: Callable[[list[FrameSize]], tuple[Size, ...]]) -> list[Offer]:
    """What the device offers of formats that are known here; `sizes_to_ask` chooses the sizes."""
    return [
        Offer(fourcc=fourcc, size=size, rates=tuple(_rates(node, fourcc, size)))
        for fourcc in _formats(node)
        for size in sizes_to_ask(_sizes(node, fourcc))
    ]


def get_format(node: VideoNode) -> PixelFormat:
    """The present format. Raises `OSError`, `Refuse`."""
    return structs.unpack_format(_ask(node, Request.G_FMT, buffers.CAPTURE))


def set_format(node: VideoNode, wanted: PixelFormat) -> tuple[PixelFormat, Range]:
    """What the driver makes of it, and the range of luma. Raises `OSError`, `Refuse`."""
    answer = node.ask(Request.S_FMT, structs.pack_format(wanted))
    return structs.unpack_format(answer), buffers.range_of(answer)


def get_rate(node: VideoNode) -> Fraction | None:
    """Pictures per second as the driver tells them; None when it doesn't."""
    answer = _or_none(lambda: _ask(node, Request.G_PARM, buffers.CAPTURE))
    return None if answer is None else structs.unpack_rate(answer)


def set_rate(node: VideoNode, rate: Fraction) -> bool:
    """Sets the rate; False when the driver refuses it."""
    return _or_none(lambda: node.ask(Request.S_PARM, structs.pack_rate(rate))) is not None


def watch_source(node: VideoNode, index: int | None) -> None:
    """From now on a changed source is an event, where the driver has such events."""
    _or_none(lambda: node.ask(StreamRequest.SUBSCRIBE_EVENT, buffers.pack_source_change(index or 0)))


def take_event(node: VideoNode) -> bool:
    """Takes one event; whether it says that the source changed."""
    answer = node.ask(StreamRequest.DQEVENT, buffers.pack_no_event())
    return buffers.is_source_change(answer)


def _input_state(node: VideoNode, index: int) -> InputState | None:
    answer = _or_none(lambda: node.ask(Request.ENUMINPUT, structs.pack_input(index)))
    return None if answer is None else structs.unpack_input(answer)


def _formats(node: VideoNode) -> list[str]:
    return list(
        dict.fromkeys(
            code
            for answer in _list(node, StreamRequest.ENUM_FMT, buffers.pack_format_number)
            if (code := buffers.unpack_format_code(answer)) in KINDS
        )
    )


def _sizes(node: VideoNode, fourcc: str) -> list[FrameSize]:
    return [
        structs.unpack_frame_size(answer)
        for answer in _list(node, Request.ENUM_FRAMESIZES, lambda n: structs.pack_frame_size(n, fourcc))
    ]


def _rates(node: VideoNode, fourcc: str, size: Size) -> Iterator[FrameInterval]:
    for answer in _list(
        node, Request.ENUM_FRAMEINTERVALS, lambda n: structs.pack_frame_interval(n, fourcc, *size)
    ):
        found = structs.unpack_frame_interval(answer)
        yield found if found.longest >= found.shortest else replace(found, longest=found.shortest)


def _list(node: VideoNode, request: int, pack: Callable[[int], bytes]) -> Iterator[bytes]:
    """The answers for numbers from 0 on, until there are no more."""
    for number in range(_LONGEST_LIST):
        answer = _or_none(partial(node.ask, request, pack(number)))
        if answer is None:
            return
        yield answer


def _ask(node: VideoNode, request: int, first: int = 0) -> bytes:
    """A request that is zero but for its first number."""
    size = request >> 16 & 0x3FFF
    return node.ask(request, buffers.pack_int(first).ljust(size, b"\0"))


def _or_none(ask: Callable[[], bytes]) -> bytes | None:
    try:
        return ask()
    except OSError as error:
        if error.errno in _NONE:
            return None
        raise
