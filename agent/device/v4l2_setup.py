"""Prepares a capture device: who it is, what comes in, its format set to the spec and read back.

Guarantees: without a usable signal nothing is set; what is told afterwards is what was read back, never what
was sent (STD 6.2). Leaves out streaming, and the kernel's errors, which are the caller's `OSError`.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from agent.device import v4l2_device as device
from agent.device.edid import parse_edid
from agent.device.v4l2_buffers import Range
from agent.device.v4l2_device import InputSeen
from agent.device.v4l2_identity import UsbTexts
from agent.device.v4l2_node import VideoNode
from agent.device.v4l2_pixels import KINDS
from agent.device.v4l2_plan import (
    Choice,
    Got,
    Size,
    choose,
    differences,
    mode_text,
    size_fits,
    sizes_to_ask,
)
from agent.device.v4l2_signal import InputSignal
from agent.device.v4l2_structs import Capability, DvTimings, Field, FrameSize, PixelFormat
from agent.model.device_report import DeviceReport, Difference, Why, told
from agent.model.errors import Refuse, Retry
from agent.model.spec import CollectionSpec, Scan

_USABLE = (InputSignal.PRESENT, InputSignal.UNKNOWN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """What is delivered from now on, from which input, in which mode of its source; what is to be told."""

    shape: PixelFormat
    luma: Range
    rate: Fraction | None
    input: int | None
    timings: DvTimings | None
    report: DeviceReport


def prepare(
    node: VideoNode, where: str, wanted_input: int | None, spec: CollectionSpec | None, usb: UsbTexts
) -> Prepared:
    """Raises `OSError`, `Retry` `source.no-signal`, and `Refuse` with code `source.…`."""
    identity = device.identify(node)
    if not identity.can_capture:
        raise Refuse(
            "source.no-capture",
            f"{where} is not a node that delivers video (driver {identity.driver})",
            "name another one of its nodes: `v4l2-ctl --list-devices` shows them",
        )
    index = device.select_input(node, wanted_input)
    seen = device.look_at_input(node, index)
    check_signal(seen, where)
    refused = _follow_source(node, index, seen)
    if spec is None:
        choice, got, luma = _as_it_is(node, seen.timings)
        found: tuple[Difference, ...] = ()
    else:
        choice, got, luma = _set(node, spec, None if refused else seen.timings, refused)
        found = differences(spec, choice, got, seen.timings) + _edid(node, spec, got.shape)
    if got.shape.fourcc not in KINDS or not got.shape.width or not got.shape.height:
        raise Refuse(
            "source.no-format",
            f"{where} does not deliver a picture format that is known here",
            "look at `v4l2-ctl --list-formats`, and report the device",
        )
    return Prepared(
        shape=got.shape,
        luma=luma,
        rate=got.rate,
        input=index,
        timings=seen.timings,
        report=_report(identity, seen, usb, choice, got, found),
    )


def check_signal(seen: InputSeen, where: str) -> None:
    """Raises `Retry` `source.no-signal`, in words, when what comes in can't be recorded."""
    if seen.signal.signal not in _USABLE:
        raise Retry("source.no-signal", f"{where}: {seen.signal.text}", seen.signal.advice, after_s=1.0)


def _follow_source(node: VideoNode, index: int | None, seen: InputSeen) -> frozenset[str]:
    """Sets the grabber to the mode that its source sends; the settings that it refused."""
    if seen.raw is not None:
        return frozenset() if device.set_timings(node, seen.raw) else frozenset(("timings",))
    if index is not None:
        device.set_standard(node)
    return frozenset()


def _set(
    node: VideoNode, spec: CollectionSpec, timings: DvTimings | None, refused: frozenset[str]
) -> tuple[Choice, Got, Range]:
    def sizes(offered: list[FrameSize]) -> tuple[Size, ...]:
        # A grabber could scale, but what its source does not send is not in the picture.
        return sizes_to_ask(offered, spec) if timings is None else ((timings.width, timings.height),)

    choice = choose(device.offers(node, sizes), spec)
    field = Field.NONE if spec.scan is Scan.PROGRESSIVE else Field.ANY
    width, height = choice.size
    wanted = PixelFormat(width=width, height=height, fourcc=choice.fourcc, field=field)
    shape, luma = device.set_format(node, wanted)
    if choice.rate is not None and not device.set_rate(node, choice.rate):
        refused |= {"rate"}
    return choice, Got(shape=shape, rate=_rate(node, timings), refused=refused), luma


def _as_it_is(node: VideoNode, timings: DvTimings | None) -> tuple[Choice, Got, Range]:
    """The present format, or the same size in the best known one."""
    shape = device.get_format(node)
    if shape.fourcc not in KINDS:
        known = [offer.fourcc for offer in device.offers(node, lambda _: ((shape.width, shape.height),))]
        best = min(known, key=lambda fourcc: KINDS[fourcc].rank, default="YUYV")
        shape = PixelFormat(width=shape.width, height=shape.height, fourcc=best, field=Field.ANY)
    rate = _rate(node, timings)
    choice = Choice(fourcc=shape.fourcc, size=(shape.width, shape.height), rate=rate)
    shape, luma = device.set_format(node, shape)
    return choice, Got(shape=shape, rate=rate), luma


def _rate(node: VideoNode, timings: DvTimings | None) -> Fraction | None:
    """What the source sends goes before what the driver was set to, which need not follow it."""
    return device.get_rate(node) if timings is None or timings.rate is None else timings.rate


def _edid(node: VideoNode, spec: CollectionSpec, shape: PixelFormat) -> tuple[Difference, ...]:
    """Why a source may send a wrong size: the grabber tells it that it prefers another."""
    if size_fits((shape.width, shape.height), spec) or (data := node.edid()) is None:
        return ()
    try:
        edid = parse_edid(data)
    except Refuse as error:
        got = f"none that can be read ({error.text})"
    else:
        mode = edid.preferred
        if mode is None or size_fits((mode.width, mode.height), spec):
            return ()
        got = f"{edid.key} {mode.width}x{mode.height}"
    asked = f"{spec.width}x{spec.height}"
    return (Difference(setting="preferred mode (EDID)", asked=asked, got=got, why=Why.LEFT_ALONE),)


def _report(
    identity: Capability,
    seen: InputSeen,
    usb: UsbTexts,
    choice: Choice,
    got: Got,
    found: tuple[Difference, ...],
) -> DeviceReport:
    written = {
        "timings": seen.raw is not None,
        "pixel format": got.shape.fourcc == choice.fourcc,
        "size": (got.shape.width, got.shape.height) == choice.size,
        "rate": choice.rate is not None,
    }
    shown = f"{seen.name or identity.bus_info}: {got.shape.fourcc} {got.shape.width}x{got.shape.height}"
    if seen.timings is not None:
        shown += f" from {mode_text(seen.timings)}"
    return DeviceReport(
        manufacturer=usb.manufacturer,
        model=told(identity.card),
        firmware=usb.release,
        serial=usb.serial,
        media_profile=told(shown),
        written=tuple(name for name, was in written.items() if was and name not in got.refused),
        differences=found,
    )
