"""Which profile is chosen, what its encoder is set to, and which differences are told."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest

from agent.device.onvif_plan import (
    Encoder,
    MediaProfile,
    Offer,
    Range,
    changed,
    choose_profile,
    differences,
    ideal,
    reachable,
)
from agent.model.device_report import Difference, Why
from agent.model.errors import Refuse
from agent.model.spec import Codec, CollectionSpec

NOW = Encoder(codec="h264", size=(1920, 1080), rate=30, bitrate_kbps=8192, gop_frames=50, profile="high")
OFFER = Offer(
    sizes=((640, 480), (1280, 720), (1920, 1080), (3840, 2160)),
    rate=Range(low=1, high=30),
    bitrate_kbps=Range(low=256, high=8192),
    gop_frames=Range(low=1, high=150),
    profiles=("main", "high"),
)


def _spec(**changes: Any) -> CollectionSpec:
    return CollectionSpec(**{"width": 1280, "height": 720, "rate": Fraction(25), **changes})


def _profile(token: str, encoder: Encoder | None = NOW, *, has_audio: bool = False) -> MediaProfile:
    return MediaProfile(token=token, has_audio=has_audio, encoder_token="e", encoder=encoder)


def test_a_camera_that_is_right_is_not_written_to() -> None:
    spec = _spec(width=1920, height=1080, rate=Fraction(30))
    assert changed(NOW, ideal(spec, NOW)) == ()


@pytest.mark.parametrize(
    ("spec", "setting", "value"),
    [
        (_spec(), "size", (1280, 720)),
        (_spec(width=1920, height=1080), "size", (1920, 1080)),
        (_spec(width=1920, height=1080, width_min=640), "size", (1920, 1080)),
        (_spec(width=1280, height=720, height_min=480), "size", (1280, 720)),
        (_spec(), "rate", 25),
        (_spec(rate=Fraction(30000, 1001)), "rate", 30),
        (_spec(rate=Fraction(1, 4)), "rate", 1),
        (_spec(bitrate_max_bps=4_000_000), "bitrate_kbps", 4000),
        (_spec(bitrate_min_bps=9_000_500), "bitrate_kbps", 9001),
        (_spec(bitrate_max_bps=10_000_000), "bitrate_kbps", 8192),
        (_spec(bitrate_max_bps=500), "bitrate_kbps", 1),
        (_spec(gop_max_s=1.0), "gop_frames", 25),
        (_spec(gop_max_s=0.01), "gop_frames", 1),
        (_spec(gop_max_s=None), "gop_frames", 50),
        (_spec(profiles=("main",)), "profile", "main"),
        (_spec(profiles=("constrained-baseline", "baseline")), "profile", "baseline"),
        (_spec(profiles=("high", "main")), "profile", "high"),
        (_spec(profiles=("no-word-for-it",)), "profile", "high"),
    ],
)
def test_what_the_spec_asks_for(spec: CollectionSpec, setting: str, value: object) -> None:
    assert getattr(ideal(spec, NOW), setting) == value


def test_another_codec_brings_its_own_settings() -> None:
    now = replace(NOW, codec="jpeg", gop_frames=None, profile=None)
    assert ideal(_spec(gop_max_s=None), now) == Encoder(
        codec="h264", size=(1280, 720), rate=25, bitrate_kbps=8192, gop_frames=25, profile="main"
    )


def test_a_codec_that_is_wanted_and_can_t_be_set_is_named() -> None:
    assert ideal(_spec(codecs=(Codec.H265,)), NOW).codec == "h265"
    assert ideal(_spec(), replace(NOW, codec="h265")).codec == "h265"


@pytest.mark.parametrize(
    ("spec", "sizes", "chosen"),
    [
        (_spec(), OFFER.sizes, (1280, 720)),
        (_spec(), (), (1280, 720)),
        (_spec(width=1920, height=1080), ((640, 480), (1280, 720), (3840, 2160)), (1280, 720)),
        (_spec(width=1920, height=1080, width_min=1000), ((640, 480), (1280, 720), (1024, 768)), (1280, 720)),
        (_spec(width=320, height=240), OFFER.sizes, (640, 480)),
    ],
)
def test_no_more_pixels_than_the_spec_allows_while_there_is_another_size(
    spec: CollectionSpec, sizes: tuple[tuple[int, int], ...], chosen: tuple[int, int]
) -> None:
    now = replace(NOW, size=(1600, 1200))
    assert reachable(ideal(spec, now), spec, replace(OFFER, sizes=sizes), now).size == chosen


def test_values_outside_the_offer_move_to_its_borders() -> None:
    spec = _spec(rate=Fraction(60), bitrate_max_bps=100_000, gop_max_s=10.0, profiles=("baseline", "main"))
    now = replace(NOW, gop_frames=900)
    sent = reachable(ideal(spec, now), spec, OFFER, now)
    assert (sent.rate, sent.bitrate_kbps, sent.gop_frames, sent.profile) == (30, 256, 150, "main")


def test_a_setting_that_the_camera_does_not_have_is_not_sent_but_told() -> None:
    now = replace(NOW, size=(1280, 720), rate=None, bitrate_kbps=None)
    spec = _spec(bitrate_max_bps=1_000_000)
    wanted = ideal(spec, now)
    sent = reachable(wanted, spec, OFFER, now)
    assert changed(now, sent) == ()
    assert differences(wanted, sent, now) == (
        Difference(setting="rate", asked="25 frames/s", got="not told", why=Why.NOT_OFFERED),
    )


def test_every_difference_says_why() -> None:
    spec = _spec(width=1920, height=1088, rate=Fraction(25), bitrate_max_bps=4_000_000, gop_max_s=1.0)
    wanted = ideal(spec, NOW)
    sent = reachable(wanted, spec, OFFER, NOW)
    got = replace(sent, rate=24, bitrate_kbps=8192)
    assert differences(wanted, sent, got, frozenset({"bitrate_kbps"})) == (
        Difference(setting="size", asked="1920x1088", got="1920x1080", why=Why.NOT_OFFERED),
        Difference(setting="rate", asked="25 frames/s", got="24 frames/s", why=Why.CHANGED),
        Difference(setting="bit rate", asked="4000 kbit/s", got="8192 kbit/s", why=Why.REFUSED),
    )
    assert differences(wanted, sent, wanted) == ()


def test_an_offer_that_the_camera_does_not_keep_is_a_change() -> None:
    spec = _spec(width=1920, height=1088)
    wanted = ideal(spec, NOW)
    sent = reachable(wanted, spec, OFFER, NOW)
    [difference] = differences(wanted, sent, replace(sent, size=(640, 480)))
    assert (difference.got, difference.why) == ("640x480", Why.CHANGED)


def test_when_nothing_is_to_be_set_all_is_left_alone() -> None:
    found = differences(ideal(_spec(), NOW), None, NOW)
    assert [one.setting for one in found] == ["size", "rate"]
    assert {one.why for one in found} == {Why.LEFT_ALONE}


def test_a_profile_without_sound_is_preferred_over_a_better_fit() -> None:
    fits = replace(NOW, size=(1280, 720), rate=25)
    assert choose_profile([_profile("a", fits, has_audio=True), _profile("b")], _spec(), None).token == "b"


def test_of_equals_the_camera_s_first_is_taken() -> None:
    assert choose_profile([_profile("a"), _profile("b")], _spec(), None).token == "a"


@pytest.mark.parametrize(
    ("encoder", "is_better"),
    [
        (replace(NOW, size=(1280, 720)), True),
        (replace(NOW, rate=25), True),
        (replace(NOW, size=(640, 480), rate=25), False),
        (replace(NOW, codec="jpeg", size=(1280, 720), rate=25), False),
        (None, False),
    ],
)
def test_the_nearest_profile_is_taken(encoder: Encoder | None, is_better: bool) -> None:
    chosen = choose_profile([_profile("a"), _profile("b", encoder)], _spec(), None)
    assert chosen.token == ("b" if is_better else "a")


def test_a_named_profile_is_taken_whatever_it_is() -> None:
    profiles = [_profile("a"), _profile("b", replace(NOW, codec="jpeg"), has_audio=True)]
    assert choose_profile(profiles, _spec(), "b").token == "b"


@pytest.mark.parametrize(
    ("profiles", "wanted", "named"),
    [([], None, "none"), ([_profile("a")], "z", "'a'"), ([_profile("a", None)], None, "'a'")],
)
def test_without_a_profile_the_ones_that_are_there_are_named(
    profiles: list[MediaProfile], wanted: str | None, named: str
) -> None:
    with pytest.raises(Refuse) as caught:
        choose_profile(profiles, _spec(), wanted)
    assert caught.value.code == "source.no-profile"
    assert caught.value.text.endswith(f"it has: {named}")
