"""The table `[channel.spec]`: every key arrives in the model, through the channel's settings, and back."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from pydantic import ValidationError

from agent.formats.config_spec import PictureConfig, SpecConfig
from agent.model.source_settings import FileSettings, OnvifSettings, V4l2Settings
from agent.model.spec import (
    Codec,
    CollectionSpec,
    ColourRange,
    OnNonconforming,
    PictureLimits,
    Region,
    Scan,
)
from agent.runtime.channel_settings import ChannelSettings, decode_settings, encode_settings

LEAST: dict[str, Any] = {"width": 1920, "height": 1080, "rate": "30000/1001"}
PICTURE: dict[str, Any] = {
    "check_every_s": 2.0, "burst_every_s": False, "black_max_s": 1.0, "frozen_max_s": False,
    "defocused_max_s": 3.0, "covered_max_s": 4.0, "no_signal_max_s": 5.0, "black_luma": 30.0,
    "black_share": 0.9, "frozen_change": 0.01, "frozen_difference": 0.9, "defocused_blur": 0.5,
    "covered_flat_share": 0.7, "card_share": 0.6,
}  # fmt: skip
FULL: dict[str, Any] = {
    **LEAST, "width_min": 640, "height_min": 480, "rate_tolerance_percent": 2.5, "codecs": ["h265"],
    "profiles": ["main", "main-10"], "scan": "interlaced", "pixel_aspect": "16:11", "colour_range": "full",
    "gop_max_s": 4.0, "bitrate_max_bps": 9, "bitrate_min_bps": 8, "gap_max_s": 0.5, "jitter_max_s": 0.1,
    "lost_max_percent": 0.5, "duplicate_max_percent": 10.0, "recording_max_s": 3600.0, "picture": PICTURE,
    "region": {"left": 0.1, "top": 0.0, "width": 0.9, "height": 0.5}, "on_nonconforming": "conform",
}  # fmt: skip


def test_every_key_arrives() -> None:
    assert set(FULL) == set(SpecConfig.model_fields)
    assert set(PICTURE) == set(PictureConfig.model_fields)
    assert SpecConfig.model_validate(FULL).to_spec() == CollectionSpec(
        width=1920, height=1080, width_min=640, height_min=480, rate=Fraction(30000, 1001),
        rate_tolerance=Fraction(1, 40), codecs=(Codec.H265,), profiles=("main", "main-10"),
        scan=Scan.INTERLACED, pixel_aspect=Fraction(16, 11), colour_range=ColourRange.FULL, gop_max_s=4.0,
        bitrate_max_bps=9, bitrate_min_bps=8, gap_max_s=0.5, jitter_max_s=0.1, lost_max=Fraction(1, 200),
        duplicate_max=Fraction(1, 10), recording_max_s=3600.0,
        region=Region(left=Fraction(1, 10), top=Fraction(0), width=Fraction(9, 10), height=Fraction(1, 2)),
        on_nonconforming=OnNonconforming.CONFORM,
        picture=PictureLimits(
            check_every_s=2.0, burst_every_s=None, black_max_s=1.0, frozen_max_s=None, defocused_max_s=3.0,
            covered_max_s=4.0, no_signal_max_s=5.0, black_luma=30.0, black_share=0.9, frozen_change=0.01,
            frozen_difference=0.9, defocused_blur=0.5, covered_flat_share=0.7, card_share=0.6,
        ),
    )  # fmt: skip


def test_the_defaults_are_the_models() -> None:
    spec = SpecConfig.model_validate(LEAST).to_spec()
    assert spec == CollectionSpec(width=1920, height=1080, rate=Fraction(30000, 1001))


def test_what_is_not_judged() -> None:
    unjudged = {
        "scan": "any", "pixel_aspect": "any", "colour_range": "any", "jitter_max_s": False,
        "lost_max_percent": False, "duplicate_max_percent": False, "picture": {"check_every_s": False},
    }  # fmt: skip
    spec = SpecConfig.model_validate({**LEAST, **unjudged}).to_spec()
    limits = (spec.scan, spec.pixel_aspect, spec.colour_range, spec.jitter_max_s, spec.lost_max)
    assert limits == (None,) * 5
    assert (spec.duplicate_max, spec.picture.check_every_s) == (None, None)


def test_no_loss_at_all_may_be_asked_for() -> None:
    assert SpecConfig.model_validate({**LEAST, "lost_max_percent": 0.0}).to_spec().lost_max == Fraction(0)


def test_a_source_of_each_kind_comes_through_to_the_channel_process_unchanged() -> None:
    spec = SpecConfig.model_validate(FULL).to_spec()
    for source in (
        FileSettings(path="/clip.mp4"),
        V4l2Settings(device="/dev/video0", input=1, spec=spec),
        OnvifSettings(url="http://127.0.0.1", spec=spec),
    ):
        settings = ChannelSettings(
            channel="ch0", level=4, category="dt", purpose="test", source=source, spec=spec, segment_ns=5,
            keep_free_bytes=6,
        )  # fmt: skip
        assert decode_settings(encode_settings(settings)) == settings


@pytest.mark.parametrize("keys", [FULL, LEAST, {**LEAST, "scan": "any", "lost_max_percent": False}])
def test_a_spec_comes_through_to_the_channel_process_unchanged(keys: dict[str, Any]) -> None:
    settings = ChannelSettings(
        channel="ch0",
        level=4,
        category="dt",
        purpose="test",
        source=FileSettings(path="/clip.mp4"),
        spec=SpecConfig.model_validate(keys).to_spec(),
        segment_ns=5,
        keep_free_bytes=6,
    )
    assert decode_settings(encode_settings(settings)) == settings


@pytest.mark.parametrize(
    "wrong",
    [
        {"scan": "half"},
        {"pixel_aspect": "1.5"},
        {"pixel_aspect": "0:1"},
        {"jitter_max_s": True},
        {"jitter_max_s": 0.0},
        {"lost_max_percent": 101.0},
        {"profiles": []},
        {"picture": {"black_share": 0.2}},
        {"picture": {"black": 1.0}},
        {"picture": {"check_every_s": -1.0}},
        {"on_nonconforming": "ignore"},
        {"on_nonconforming": "conform", "region": {"left": 0.5, "width": 0.6}},
        {"on_nonconforming": "conform", "region": {"width": 0.01}},
        {"region": {"width": 0.5}},
        {"codecs": ["mjpeg"]},
    ],
)
def test_what_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        SpecConfig.model_validate({**LEAST, **wrong})
