"""Which format a capture device is set to, what became of it, and whether its source has changed. Pure.

Guarantees: of what a device offers, the choice meets the collection spec's size and rate if anything does;
then what is recorded as it comes goes before what has to be encoded, and raw pictures before JPEG. A picture
that a grabber would have to enlarge is never asked for. Leaves out the requests (`v4l2_device.py`) and what
is delivered in the end: that is measured.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

from agent.device.v4l2_pixels import KINDS
from agent.device.v4l2_structs import DvTimings, Field, FrameInterval, FrameSize, PixelFormat
from agent.model.device_report import Difference, Why
from agent.model.errors import Refuse
from agent.model.spec import CollectionSpec, Scan

Size = tuple[int, int]

# 60 and 60000/1001 Hz are one mode for a grabber whose clock is less exact than that.
_SAME_RATE = Fraction(1, 200)
_NOT_FIELDS = (Field.ANY, Field.NONE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """One format at one size, with the rates that the device tells for it; none when it tells none."""

    fourcc: str
    size: Size
    rates: tuple[FrameInterval, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What the device is asked for. `rate` None: it can't be set."""

    fourcc: str
    size: Size
    rate: Fraction | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Got:
    """What it reads back. `refused` names what it answered with an error."""

    shape: PixelFormat
    rate: Fraction | None
    refused: frozenset[str] = frozenset()


def sizes_to_ask(sizes: Iterable[FrameSize], spec: CollectionSpec) -> tuple[Size, ...]:
    """The sizes that are worth asking rates for: those that fit, else the nearest one.

    The spec's own when the device tells none: it answers with what it makes of that.
    """
    listed = list(sizes)
    if not listed:
        return ((spec.width, spec.height),)
    found = {_inside((spec.width, spec.height), size) for size in listed}
    found |= {size.largest for size in listed if size.smallest == size.largest}
    fitting = tuple(sorted(size for size in found if size_fits(size, spec)))
    return fitting or (min(found, key=lambda size: (*_size_distance(size, spec), size)),)


def choose(offers: Iterable[Offer], spec: CollectionSpec) -> Choice:
    """The offer nearest to the spec. Raises `Refuse` `source.no-format`."""
    usable = [offer for offer in offers if offer.fourcc in KINDS]
    if not usable:
        raise Refuse(
            "source.no-format",
            "the capture device offers no picture format that is known here",
            "look at `v4l2-ctl --list-formats`, and report the device",
        )
    best = min(usable, key=lambda offer: _distance(offer, spec))
    return Choice(fourcc=best.fourcc, size=best.size, rate=nearest_rate(best.rates, spec))


def nearest_rate(rates: Iterable[FrameInterval], spec: CollectionSpec) -> Fraction | None:
    """The rate that meets the spec, else the slowest of the faster ones, else the fastest."""
    nearest = {_rate_inside(1 / spec.rate, interval) for interval in rates if interval.shortest > 0}
    return min(nearest, key=lambda rate: _rate_distance(rate, spec), default=None)


def size_fits(size: Size, spec: CollectionSpec) -> bool:
    """Whether that is a size which the spec allows."""
    if spec.width_min is None and spec.height_min is None:
        return size == (spec.width, spec.height)
    wide, high = spec.width_min or 1, spec.height_min or 1
    return wide <= size[0] <= spec.width and high <= size[1] <= spec.height


def rate_fits(rate: Fraction, spec: CollectionSpec) -> bool:
    """Whether that is a rate which conforms."""
    return abs(rate - spec.rate) <= spec.rate * spec.rate_tolerance


def differences(
    spec: CollectionSpec, sent: Choice, got: Got, timings: DvTimings | None
) -> tuple[Difference, ...]:
    """Every setting that reads back other than the spec asks or than was sent, and why."""
    shape, found = got.shape, []

    def differs(setting: str, asked: str, read: str, *, sent_it: bool) -> None:
        why = Why.NOT_OFFERED if sent_it else Why.CHANGED
        why = Why.REFUSED if setting in got.refused else why
        found.append(Difference(setting=setting, asked=asked, got=read, why=why))

    size = (shape.width, shape.height)
    if not size_fits(size, spec):
        differs("size", _size_text((spec.width, spec.height)), _size_text(size), sent_it=sent.size == size)
    if got.rate is not None and not rate_fits(got.rate, spec):
        differs("rate", _rate_text(spec.rate), _rate_text(got.rate), sent_it=sent.rate in (None, got.rate))
    if shape.fourcc != sent.fourcc:
        differs("pixel format", sent.fourcc, shape.fourcc, sent_it=False)
    if spec.scan is Scan.PROGRESSIVE and shape.field not in _NOT_FIELDS:
        fields = timings is None or timings.is_interlaced
        differs("scan", "progressive", f"fields ({shape.field.name.lower()})", sent_it=fields)
    if timings is not None and "timings" in got.refused:
        differs("timings", mode_text(timings), "as they were", sent_it=False)
    return tuple(found)


def is_same_mode(one: DvTimings, other: DvTimings) -> bool:
    """Whether a source that sent `one` still sends it: size, fields, and rate as far as clocks are exact."""
    if (one.width, one.height, one.is_interlaced) != (other.width, other.height, other.is_interlaced):
        return False
    if one.rate is None or other.rate is None:
        return one.rate == other.rate
    return abs(one.rate - other.rate) <= one.rate * _SAME_RATE


def mode_text(timings: DvTimings) -> str:
    """A mode for people, such as `1920x1080p at 60 Hz`."""
    scan = "i" if timings.is_interlaced else "p"
    rate = "unknown rate" if timings.rate is None else f"{float(timings.rate):.4g} Hz"
    return f"{timings.width}x{timings.height}{scan} at {rate}"


def _distance(offer: Offer, spec: CollectionSpec) -> tuple[object, ...]:
    """Lower is nearer."""
    kind = KINDS[offer.fourcc]
    # What comes coded is recorded as it is, so a codec that the spec does not have is the last resort.
    wrong_codec = kind.rank == 0 and kind.codec not in spec.codecs
    rate = nearest_rate(offer.rates, spec)
    by_rate = (0, Fraction(0)) if rate is None or rate_fits(rate, spec) else _rate_distance(rate, spec)
    by_size = _size_distance(offer.size, spec)
    return int(wrong_codec), *by_size[:1], *by_rate, *by_size[1:], kind.rank, list(KINDS).index(offer.fourcc)


def _size_distance(size: Size, spec: CollectionSpec) -> tuple[int, int]:
    """First what fits (the largest), then larger (can be made smaller), then smaller."""
    area = size[0] * size[1]
    if size_fits(size, spec):
        return 0, -area
    if size[0] >= spec.width and size[1] >= spec.height:
        return 1, area
    return 2, -area


def _rate_distance(rate: Fraction, spec: CollectionSpec) -> tuple[int, Fraction]:
    """First what fits, then faster (pictures can be left out), then slower."""
    if rate_fits(rate, spec):
        return 0, abs(rate - spec.rate)
    return (1, rate) if rate > spec.rate else (2, -rate)


def _inside(wanted: Size, offered: FrameSize) -> Size:
    """`wanted`, or the offered size next to it, not larger unless the smallest is."""
    width, height = (
        _stepped(value, low, high, step)
        for value, low, high, step in zip(
            wanted, offered.smallest, offered.largest, offered.step, strict=True
        )
    )
    return width, height


def _stepped(value: int, low: int, high: int, step: int) -> int:
    value = max(low, min(high, value))
    return value - (value - low) % step if step else value


def _rate_inside(interval: Fraction, offered: FrameInterval) -> Fraction:
    return 1 / max(offered.shortest, min(offered.longest, interval))


def _size_text(size: Size) -> str:
    return f"{size[0]}x{size[1]}"


def _rate_text(rate: Fraction) -> str:
    return f"{float(rate):.4g} frames/s"
