"""What is done to a stream before it is recorded: each case of the spec, accepted and reduced."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest

from agent.capture.conform_plan import ConformPlan, Delivered, encoders, make_plan, may_pass
from agent.capture.encoder import usable_encoder
from agent.model.media import Change, PixelArea
from agent.model.spec import Codec, CollectionSpec, ColourRange, OnNonconforming, Region

HD = CollectionSpec(width=1920, height=1080, rate=Fraction(25))
CONFORM = replace(HD, on_nonconforming=OnNonconforming.CONFORM)
UP_TO_HD = replace(CONFORM, width_min=640, height_min=360)
COMES = Delivered(codec=Codec.H264, width=1920, height=1080, rate=Fraction(25))
HALF = Region(left=Fraction(1, 4), top=Fraction(0), width=Fraction(1, 2), height=Fraction(1))


def planned(spec: CollectionSpec, *, slowed: bool = False, **comes: Any) -> ConformPlan:
    plan = make_plan(spec, replace(COMES, **comes), slowed=slowed)
    assert plan is not None
    return plan


@pytest.mark.parametrize(
    ("spec", "comes"),
    [
        pytest.param(CONFORM, {}, id="as-asked"),
        pytest.param(CONFORM, {"codec": Codec.H265}, id="h265"),
        pytest.param(CONFORM, {"rate": None}, id="rate-not-known"),
        pytest.param(CONFORM, {"rate": Fraction("26.25")}, id="rate-within-tolerance"),
        pytest.param(CONFORM, {"rate": Fraction(12)}, id="too-slow-is-flagged"),
        pytest.param(CONFORM, {"width": 1280, "height": 720}, id="too-small-is-flagged"),
        pytest.param(UP_TO_HD, {"width": 1280, "height": 720}, id="in-range"),
        pytest.param(replace(CONFORM, codecs=(Codec.H265,)), {}, id="other-codec-is-flagged"),
        pytest.param(HD, {"width": 3840, "height": 2160}, id="larger-but-record-and-flag"),
        pytest.param(HD, {"rate": Fraction(60)}, id="faster-but-record-and-flag"),
        pytest.param(CONFORM, {"width": 3840, "height": 2160, "interlaced": True}, id="interlaced"),
        pytest.param(CONFORM, {"width": 0, "height": 0}, id="size-not-known"),
        pytest.param(CONFORM, {"codec": Codec.MJPEG, "width": 8, "height": 8}, id="too-small-to-encode"),
    ],
)
def test_what_is_recorded_as_it_comes(spec: CollectionSpec, comes: dict[str, Any]) -> None:
    assert make_plan(spec, replace(COMES, **comes)) is None


@pytest.mark.parametrize(
    ("spec", "comes", "changes", "crop", "size"),
    [
        pytest.param(
            CONFORM, {"width": 3840, "height": 2160}, "size", (0, 0, 3840, 2160), (1920, 1080), id="4k"
        ),
        pytest.param(
            UP_TO_HD, {"width": 4096, "height": 2160}, "size", (0, 0, 4096, 2160), (1920, 1012), id="dci-4k"
        ),
        pytest.param(
            CONFORM, {"width": 1080, "height": 1920}, "size", (0, 0, 1080, 1920), (608, 1080), id="portrait"
        ),
        pytest.param(CONFORM, {"rate": Fraction(60)}, "rate", (0, 0, 1920, 1080), (1920, 1080), id="60-hz"),
        pytest.param(
            CONFORM, {"rate": Fraction(50), "interlaced": True}, "rate", (0, 0, 1920, 1080), (1920, 1080),
            id="interlaced-is-thinned-but-not-scaled",
        ),
        pytest.param(
            CONFORM, {"width": 3840, "height": 2160, "rate": Fraction(60)}, "size rate",
            (0, 0, 3840, 2160), (1920, 1080), id="4k-at-60-hz",
        ),
        pytest.param(HD, {"codec": Codec.MJPEG}, "codec", (0, 0, 1920, 1080), (1920, 1080), id="mjpeg"),
        pytest.param(
            HD, {"codec": Codec.RAW, "width": 3840, "height": 2160, "rate": Fraction(60)}, "codec size rate",
            (0, 0, 3840, 2160), (1920, 1080), id="raw-is-encoded-to-the-spec",
        ),
        pytest.param(
            HD, {"codec": Codec.RAW, "width": 720, "height": 576}, "codec", (0, 0, 720, 576), (720, 576),
            id="never-enlarged",
        ),
        pytest.param(
            HD, {"codec": Codec.MJPEG, "width": 641, "height": 481}, "codec", (0, 0, 640, 480), (640, 480),
            id="odd-sides-are-cut-by-a-pixel",
        ),
        pytest.param(
            replace(CONFORM, region=HALF), {"width": 3840, "height": 2160}, "size region",
            (960, 0, 1920, 2160), (960, 1080), id="region-scaled",
        ),
        pytest.param(
            replace(CONFORM, region=HALF), {}, "region", (480, 0, 960, 1080), (960, 1080), id="region-cut-out"
        ),
        pytest.param(
            replace(CONFORM, region=replace(HALF, left=Fraction(1, 3))), {"width": 1001, "height": 701},
            "region", (332, 0, 500, 700), (500, 700), id="region-on-even-pixels",
        ),
        pytest.param(
            replace(CONFORM, region=replace(HALF, top=Fraction(1, 3), height=Fraction(1, 3))),
            {"interlaced": True, "height": 1082, "rate": Fraction(50)},
            "region rate", (480, 360, 960, 360), (960, 360), id="region-of-fields-on-four-lines",
        ),
        pytest.param(
            replace(CONFORM, region=replace(HALF, left=Fraction(19, 20), width=Fraction(1, 20))),
            {"width": 200, "height": 100}, "region", (184, 0, 16, 100), (16, 100),
            id="region-is-never-too-small-to-be-cut-out",
        ),
    ],
)  # fmt: skip
def test_what_is_encoded(
    spec: CollectionSpec,
    comes: dict[str, Any],
    changes: str,
    crop: tuple[int, int, int, int],
    size: tuple[int, int],
) -> None:
    plan = planned(spec, **comes)
    assert {change.value for change in plan.changes} == set(changes.split())
    assert plan.crop == PixelArea(*crop)
    assert (plan.width, plan.height) == size
    assert plan.keep_rate == (Fraction(25) if "rate" in changes else None)


@pytest.mark.parametrize(
    ("spec", "comes", "may"),
    [
        pytest.param(CONFORM, {}, True, id="coded"),
        pytest.param(CONFORM, {"width": 0, "height": 0}, True, id="size-not-known"),
        pytest.param(HD, {"codec": Codec.RAW, "width": 8}, False, id="raw"),
        pytest.param(HD, {"codec": Codec.MJPEG, "width": 8}, False, id="mjpeg"),
        pytest.param(replace(CONFORM, region=HALF), {"width": 0, "height": 0}, False, id="region-of-what"),
    ],
)
def test_what_may_be_recorded_without_a_plan(spec: CollectionSpec, comes: dict[str, Any], may: bool) -> None:
    comes_so = replace(COMES, **comes)
    assert make_plan(spec, comes_so) is None
    assert may_pass(spec, comes_so) is may


def test_interlaced_pictures_are_encoded_so_that_the_stream_says_so() -> None:
    plan = planned(replace(CONFORM, codecs=(Codec.H265,)), interlaced=True, rate=Fraction(50))
    assert (plan.codec, plan.interlaced) == (Codec.H264, True)
    assert usable_encoder(plan, frozenset(), lambda _name: True) == "libx264"


def test_a_rate_that_is_being_reduced_stays_so_until_it_is_clearly_allowed() -> None:
    assert make_plan(CONFORM, replace(COMES, rate=Fraction(26)), slowed=False) is None
    assert planned(CONFORM, slowed=True, rate=Fraction(26)).changes == (Change.RATE,)
    assert make_plan(CONFORM, replace(COMES, rate=Fraction("25.6")), slowed=True) is None


@pytest.mark.parametrize(
    ("low", "high", "mean", "peak"),
    [
        (None, None, 5_184_000, 7_776_000),
        (2_000_000, 6_000_000, 4_000_000, 6_000_000),
        (None, 8_000_000, 6_000_000, 8_000_000),
        (8_000_000, None, 10_000_000, 15_000_000),
        (1_000_000, None, 5_184_000, 7_776_000),
    ],
)
def test_the_bit_rate_lies_in_the_specs_range(
    low: int | None, high: int | None, mean: int, peak: int
) -> None:
    plan = planned(replace(HD, bitrate_min_bps=low, bitrate_max_bps=high), codec=Codec.MJPEG)
    assert (plan.bitrate_bps, plan.peak_bps) == (mean, peak)


@pytest.mark.parametrize(("gop_max_s", "gop_s"), [(None, 2.0), (10.0, 2.0), (1.0, 1.0)])
def test_key_frames_come_as_often_as_the_spec_says_and_pictures_are_checked(
    gop_max_s: float | None, gop_s: float
) -> None:
    assert planned(replace(HD, gop_max_s=gop_max_s), codec=Codec.MJPEG).gop_s == gop_s


def test_codec_range_and_pixel_aspect() -> None:
    asked = replace(HD, codecs=(Codec.H265, Codec.H264), colour_range=ColourRange.FULL)
    plan = planned(asked, codec=Codec.RAW, pixel_aspect=Fraction(16, 11))
    assert (plan.codec, plan.colour_range, plan.pixel_aspect) == (
        Codec.H265,
        ColourRange.FULL,
        Fraction(16, 11),
    )
    assert planned(HD, codec=Codec.RAW).codec is Codec.H264
    assert planned(HD, codec=Codec.RAW).pixel_aspect == 1


def test_the_first_encoder_that_works_is_taken_and_the_software_one_is_not_asked() -> None:
    plan = planned(HD, codec=Codec.RAW)
    names = encoders(Codec.H264)
    assert usable_encoder(plan, frozenset(), lambda _: True) == names[0]
    assert usable_encoder(plan, frozenset(names[:1]), lambda _: True) == names[1]
    assert usable_encoder(plan, frozenset(), lambda name: name == names[2]) == names[2]
    asked: list[str] = []

    def nothing_works(name: str) -> bool:
        asked.append(name)
        return False

    assert usable_encoder(plan, frozenset(), nothing_works) == "libx264"
    assert asked == list(names[:-1])
    assert encoders(Codec.H265, failed=frozenset(encoders(Codec.H265))) == ("libx265",)
