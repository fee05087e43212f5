"""The choice of a format, what is told of it, and whether a source has changed."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from agent.device.v4l2_plan import (
    Choice,
    Got,
    Offer,
    choose,
    differences,
    is_same_mode,
    mode_text,
    nearest_rate,
    sizes_to_ask,
)
from agent.device.v4l2_structs import DvTimings, Field, FrameInterval, FrameSize, PixelFormat
from agent.model.device_report import Why
from agent.model.errors import Refuse
from agent.model.spec import Codec, CollectionSpec, Scan

HD, FULL_HD, VGA = (1280, 720), (1920, 1080), (640, 480)


def spec(size: tuple[int, int] = FULL_HD, rate: str = "30", **more: Any) -> CollectionSpec:
    return CollectionSpec(width=size[0], height=size[1], rate=Fraction(rate), **more)


def one(size: tuple[int, int]) -> FrameSize:
    return FrameSize(smallest=size, largest=size, step=(0, 0))


def rates(*values: str) -> tuple[FrameInterval, ...]:
    return tuple(FrameInterval(shortest=1 / Fraction(v), longest=1 / Fraction(v)) for v in values)


def offer(fourcc: str, size: tuple[int, int] = FULL_HD, *values: str) -> Offer:
    return Offer(fourcc=fourcc, size=size, rates=rates(*values))


@pytest.mark.parametrize(
    ("offered", "wanted", "asked"),
    [
        ([VGA, HD, FULL_HD], spec(), [FULL_HD]),
        ([VGA, HD], spec(), [HD]),
        ([FULL_HD, (3840, 2160)], spec(HD), [FULL_HD]),
        ([VGA, HD, FULL_HD, (3840, 2160)], spec(width_min=1280, height_min=720), [HD, FULL_HD]),
        ([], spec(), [FULL_HD]),
    ],
    ids=["exact", "smaller", "larger-can-be-reduced", "range", "not-told"],
)
def test_sizes_that_are_asked_for(
    offered: list[tuple[int, int]], wanted: CollectionSpec, asked: list[tuple[int, int]]
) -> None:
    assert list(sizes_to_ask([one(size) for size in offered], wanted)) == asked


@pytest.mark.parametrize(
    ("largest", "step", "asked"),
    [
        ((4096, 2160), (2, 2), FULL_HD),
        ((1600, 1200), (16, 8), (1600, 1080)),
        ((1280, 1000), (0, 0), (1280, 1000)),
    ],
    ids=["inside", "too-narrow", "without-steps"],
)
def test_a_stepwise_size_stays_inside(
    largest: tuple[int, int], step: tuple[int, int], asked: tuple[int, int]
) -> None:
    assert sizes_to_ask([FrameSize(smallest=(16, 16), largest=largest, step=step)], spec()) == (asked,)


@pytest.mark.parametrize(
    ("offered", "wanted", "chosen"),
    [
        ([offer("YUYV", FULL_HD, "5"), offer("MJPG", FULL_HD, "30")], spec(), ("MJPG", "30")),
        ([offer("YUYV", FULL_HD, "30"), offer("MJPG", FULL_HD, "30")], spec(), ("YUYV", "30")),
        ([offer("YUYV", FULL_HD, "30"), offer("NV12", FULL_HD, "30")], spec(), ("NV12", "30")),
        ([offer("NV12", FULL_HD, "30"), offer("H264", FULL_HD, "30")], spec(), ("H264", "30")),
        (
            [offer("MJPG", FULL_HD, "30"), offer("H264", FULL_HD, "30")],
            spec(codecs=(Codec.H265,)),
            ("MJPG", "30"),
        ),
        ([offer("H264", FULL_HD, "30")], spec(codecs=(Codec.H265,)), ("H264", "30")),
        ([offer("NV12", HD, "30"), offer("YUYV", FULL_HD, "5")], spec(), ("YUYV", "5")),
        ([offer("NV12", FULL_HD, "60"), offer("YUYV", FULL_HD, "25")], spec(), ("NV12", "60")),
        ([offer("NV12", FULL_HD, "29"), offer("MJPG", FULL_HD, "30")], spec(), ("NV12", "29")),
        ([offer("XXXX", FULL_HD, "30"), offer("GREY", FULL_HD, "30")], spec(), ("GREY", "30")),
        ([offer("NV12")], spec(), ("NV12", None)),
    ],
    ids=[
        "jpeg-for-the-rate", "raw-before-jpeg", "420-before-422", "coded-before-raw", "codec-not-in-spec",
        "nothing-else", "size-before-rate", "faster-before-slower", "rate-within-tolerance", "unknown-format",
        "rate-not-told",
    ],
)  # fmt: skip
def test_the_choice(offered: list[Offer], wanted: CollectionSpec, chosen: tuple[str, str | None]) -> None:
    for listed in (offered, offered[::-1]):
        choice = choose(listed, wanted)
        rate = None if chosen[1] is None else Fraction(chosen[1])
        assert (choice.fourcc, choice.rate) == (chosen[0], rate)


def test_in_a_range_the_rate_decides_between_sizes() -> None:
    offered = [offer("YUYV", FULL_HD, "5"), offer("YUYV", HD, "30")]
    assert choose(offered, spec(width_min=640, height_min=480)).size == HD


@pytest.mark.parametrize("offered", [[], [offer("XXXX"), offer("Z16 ")]], ids=["none", "unknown"])
def test_no_usable_format_is_refused(offered: list[Offer]) -> None:
    with pytest.raises(Refuse) as refused:
        choose(offered, spec())
    assert refused.value.code == "source.no-format"


@pytest.mark.parametrize(
    ("offered", "wanted", "nearest"),
    [
        (rates("10", "25", "30"), "25", "25"),
        (rates("30", "60"), "25", "30"),
        (rates("10", "15"), "25", "15"),
        (rates("30000/1001", "30"), "30", "30"),
        ((FrameInterval(shortest=Fraction(1, 60), longest=Fraction(1)),), "25", "25"),
        ((FrameInterval(shortest=Fraction(1, 60), longest=Fraction(1)),), "120", "60"),
        ((FrameInterval(shortest=Fraction(0), longest=Fraction(1)),), "25", None),
        ((), "25", None),
    ],
    ids=["exact", "next-faster", "fastest", "exact-in-tolerance", "inside", "limit", "nonsense", "none"],
)
def test_the_nearest_rate(offered: tuple[FrameInterval, ...], wanted: str, nearest: str | None) -> None:
    assert nearest_rate(offered, spec(rate=wanted)) == (None if nearest is None else Fraction(nearest))


def got(
    fourcc: str = "NV12", size: tuple[int, int] = FULL_HD, rate: str | None = "30", field: Field = Field.NONE,
    refused: frozenset[str] = frozenset(),
) -> Got:  # fmt: skip
    shape = PixelFormat(width=size[0], height=size[1], fourcc=fourcc, field=field)
    return Got(shape=shape, rate=None if rate is None else Fraction(rate), refused=refused)


SENT = Choice(fourcc="NV12", size=FULL_HD, rate=Fraction(30))
PROGRESSIVE = DvTimings(
    width=1920, height=1080, is_interlaced=False, pixel_clock_hz=148_500_000, rate=Fraction(60)
)


@pytest.mark.parametrize(
    ("read", "told"),
    [
        (got(), []),
        (got(rate="30000/1001"), []),
        (got(rate=None), []),
        (got(size=HD), [("size", "1920x1080", "1280x720", Why.CHANGED)]),
        (got(rate="15"), [("rate", "30 frames/s", "15 frames/s", Why.CHANGED)]),
        (got(rate="5", refused=frozenset(("rate",))), [("rate", "30 frames/s", "5 frames/s", Why.REFUSED)]),
        (got(fourcc="YUYV"), [("pixel format", "NV12", "YUYV", Why.CHANGED)]),
        (got(field=Field.INTERLACED), [("scan", "progressive", "fields (interlaced)", Why.CHANGED)]),
        (
            got(refused=frozenset(("timings",))),
            [("timings", "1920x1080p at 60 Hz", "as they were", Why.REFUSED)],
        ),
    ],
    ids=[
        "as-asked",
        "tolerated",
        "rate-not-told",
        "size",
        "rate",
        "rate-refused",
        "format",
        "scan",
        "timings",
    ],
)
def test_differences(read: Got, told: list[tuple[str, str, str, Why]]) -> None:
    found = differences(spec(), SENT, read, PROGRESSIVE)
    assert [(d.setting, d.asked, d.got, d.why) for d in found] == told


def test_what_was_sent_because_nothing_better_is_offered() -> None:
    sent = Choice(fourcc="NV12", size=HD, rate=Fraction(60))
    found = differences(spec(), sent, got(size=HD, rate="60"), None)
    assert [(d.setting, d.why) for d in found] == [("size", Why.NOT_OFFERED), ("rate", Why.NOT_OFFERED)]


def test_an_interlaced_source_offers_no_other_scan() -> None:
    source = DvTimings(width=1920, height=1080, is_interlaced=True, pixel_clock_hz=1, rate=Fraction(30))
    found = differences(spec(), SENT, got(field=Field.ALTERNATE), source)
    assert [(d.setting, d.why) for d in found] == [("scan", Why.NOT_OFFERED)]
    assert not differences(spec(scan=Scan.INTERLACED), SENT, got(field=Field.ALTERNATE), source)


def mode(size: tuple[int, int] = FULL_HD, rate: str | None = "60", *, interlaced: bool = False) -> DvTimings:
    return DvTimings(
        width=size[0], height=size[1], is_interlaced=interlaced, pixel_clock_hz=1,
        rate=None if rate is None else Fraction(rate),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("other", "is_same"),
    [
        (mode(), True),
        (mode(rate="60000/1001"), True),
        (mode(rate="50"), False),
        (mode(HD), False),
        (mode(interlaced=True), False),
        (mode(rate=None), False),
    ],
    ids=["same", "60-and-59.94", "rate", "size", "fields", "no-rate"],
)
def test_whether_a_source_still_sends_its_mode(other: DvTimings, is_same: bool) -> None:
    assert is_same_mode(mode(), other) is is_same


def test_modes_in_words() -> None:
    assert mode_text(mode(rate="60000/1001")) == "1920x1080p at 59.94 Hz"
    assert mode_text(mode(HD, None, interlaced=True)) == "1280x720i at unknown rate"
