"""Which profile a device gets: strongest evidence first, unknown devices are told, ambiguity is no guess."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.device.profile_match import (
    DeviceFacts,
    Trust,
    _overlap,
    match_device,
    overlapping_rules,
    pattern_holds,
)
from agent.device.profiles import load_profiles
from agent.formats.profile_v1 import DeviceProfile, Kind, MatchRule, Scope
from agent.model.errors import Refuse

SET = load_profiles().profiles
BASE = next(one for one in SET if one.id == "magewell/usb-capture-hdmi")


def profile(name: str, scope: Scope = Scope.MODEL, kind: Kind = Kind.V4L2, **rule: object) -> DeviceProfile:
    rules = (MatchRule.model_validate(rule),)
    return BASE.model_copy(update={"id": name, "scope": scope, "kind": kind, "match": rules})


GENERIC = profile("generic/g", Scope.GENERIC, any=True)
VENDOR = profile("acme/any", Scope.VENDOR, usb=["12ab:*"])
MODEL = profile("acme/one", usb=["12ab:0001"])
CARD = profile("acme/card", card=["Acme*"], driver=["uvcvideo"])
EDID = profile("acme/tower", edid=["ABC:0001"], usb=["12ab:0001"])
V4L2 = DeviceFacts(kind=Kind.V4L2)


@pytest.mark.parametrize(
    ("facts", "found", "trust"),
    [
        (replace(V4L2, usb="12ab:0001"), "acme/one", Trust.KNOWN),
        (replace(V4L2, usb="12ab:0001", edid="ABC:0001"), "acme/tower", Trust.KNOWN),
        (replace(V4L2, usb="12ab:0002"), "acme/any", Trust.KNOWN_VENDOR),
        (replace(V4L2, usb="12ab:0001", card="acme x", driver="uvcvideo"), "acme/one", Trust.KNOWN),
        (replace(V4L2, usb="9999:0001", card="acme x", driver="uvcvideo"), "acme/card", Trust.KNOWN),
        (replace(V4L2, card="acme x", driver="other"), "generic/g", Trust.UNKNOWN_DEVICE),
        (V4L2, "generic/g", Trust.UNKNOWN_DEVICE),
    ],
)
def test_the_strongest_evidence_decides(facts: DeviceFacts, found: str, trust: Trust) -> None:
    profiles = [GENERIC, VENDOR, MODEL, CARD, EDID]
    random.Random(found).shuffle(profiles)
    match = match_device(profiles, facts)
    assert (match.profile.id, match.trust) == (found, trust)
    assert (match.alarm is None) is (trust is not Trust.UNKNOWN_DEVICE)


def test_why_names_the_evidence() -> None:
    assert match_device([GENERIC, MODEL], replace(V4L2, usb="12ab:0001")).why == "usb '12ab:0001'"
    unknown = match_device([GENERIC, MODEL], replace(V4L2, usb="0000:0001"))
    assert unknown.why == "no profile knows usb '0000:0001'"
    assert unknown.alarm is not None
    assert unknown.alarm.code == "device.unknown"
    assert "never released through de-identification" in unknown.alarm.advice
    assert match_device([GENERIC], V4L2).why == "it tells nothing about itself"


def test_a_device_that_two_profiles_claim_is_unknown() -> None:
    twin = profile("acme/two", usb=["12ab:0001"])
    match = match_device([GENERIC, MODEL, twin], replace(V4L2, usb="12ab:0001"))
    assert (match.profile.id, match.trust) == ("generic/g", Trust.UNKNOWN_DEVICE)
    assert match.why == "acme/one and acme/two both claim it"
    assert not match.deidentification_possible


def test_a_plan_that_the_profile_forbids_is_refused() -> None:
    unknown = match_device(SET, DeviceFacts(kind=Kind.RTSP))
    unknown.check_plan("mm", 4)
    for level in (2, 3):
        with pytest.raises(Refuse, match=f"generic/generic-rtsp .* forbids level {level}") as refused:
            unknown.check_plan("mm", level)
        assert refused.value.code == "plan.device-forbids"
    only_wards = MODEL.plan.model_copy(update={"forbidden_categories": ("dt",)})
    match = match_device(
        [GENERIC, MODEL.model_copy(update={"plan": only_wards})], replace(V4L2, usb="12ab:0001")
    )
    match.check_plan("mm", 2)
    with pytest.raises(Refuse, match="forbids category dt"):
        match.check_plan("dt", 4)


def test_an_onvif_camera_falls_back_to_its_own_generic_profile_first() -> None:
    onvif = profile("generic/o", Scope.GENERIC, Kind.ONVIF, any=True)
    rtsp = profile("generic/r", Scope.GENERIC, Kind.RTSP, any=True)
    facts = DeviceFacts(kind=Kind.ONVIF, manufacturer="x", model="y")
    assert match_device([rtsp, onvif], facts).profile.id == "generic/o"
    assert match_device([rtsp], facts).profile.id == "generic/r"
    with pytest.raises(RuntimeError, match="no generic profile for v4l2"):
        match_device([rtsp, onvif], V4L2)


@pytest.mark.parametrize(
    ("pattern", "text", "holds"),
    [
        ("ds-2cd2??2f-i*", "DS-2CD2032F-I", True),
        ("DS-2CD2??2F-I*", "DS-2CD2032FWD-I", False),
        ("a*b*c", "aXXbYYc", True),
        ("a*b*c", "aXXbYY", False),
        ("*", "", True),
        ("?", "", False),
        ("abc", " ABC ", True),
        ("a", "a*", False),
        ("a\\*", "ab", False),
    ],
)
def test_patterns(pattern: str, text: str, holds: bool) -> None:
    assert pattern_holds(pattern, text) is holds


def test_a_fact_that_is_too_long_matches_nothing() -> None:
    assert pattern_holds("*", "x" * 200)
    assert not pattern_holds("*", "x" * 201)
    match = match_device(SET, DeviceFacts(kind=Kind.ONVIF, manufacturer="axis" + "x" * 100_000))
    assert match.trust is Trust.UNKNOWN_DEVICE
    assert len(match.why) < 200


@given(st.text("ab*?", max_size=5), st.text("ab*?", max_size=5), st.text("ab", max_size=5))
def test_patterns_that_hold_for_one_text_overlap(first: str, second: str, text: str) -> None:
    if pattern_holds(first, text) and pattern_holds(second, text):
        assert _overlap(first, second)
    assert _overlap(first, second) == _overlap(second, first)


def test_rules_that_one_device_can_satisfy_are_found() -> None:
    wide = profile("acme/wide", Scope.MODEL, Kind.ONVIF, manufacturer=["acme*"], model=["C*1"])
    narrow = profile("acme/narrow", Scope.MODEL, Kind.ONVIF, manufacturer=["acme"], model=["CA*"])
    apart = profile("acme/apart", Scope.MODEL, Kind.ONVIF, manufacturer=["acme"], model=["D*"])
    [(first, number, second, other)] = list(overlapping_rules([wide, narrow, apart, MODEL, CARD, GENERIC]))
    assert (first.id, number, second.id, other) == ("acme/wide", 0, "acme/narrow", 0)


@pytest.mark.parametrize(
    ("facts", "found"),
    [
        (replace(V4L2, usb="2935:0006", card="USB Capture HDMI"), "magewell/usb-capture-hdmi"),
        (
            replace(V4L2, card="USB Capture SDI: USB Capture SD", driver="uvcvideo"),
            "magewell/usb-capture-sdi",
        ),
        (replace(V4L2, usb="534d:2109"), "macrosilicon/ms2109"),
        (replace(V4L2, driver="vivid"), "generic/vivid"),
        (DeviceFacts(kind=Kind.SYNTHETIC, driver="edgeward-synthetic"), "generic/synthetic"),
        (
            DeviceFacts(kind=Kind.ONVIF, manufacturer="HIKVISION", model="DS-2CD2432F-IW"),
            "hikvision/ds-2cd2xx2f-i",
        ),
        (DeviceFacts(kind=Kind.ONVIF, manufacturer="HIKVISION", model="DS-2CD9"), "hikvision/any-camera"),
        (DeviceFacts(kind=Kind.ONVIF, manufacturer="AXIS", model="P3245-V"), "axis/axis-os-camera"),
        (DeviceFacts(kind=Kind.ONVIF, manufacturer="AXIS", model="Q3527-LVE"), "axis/q3527-lve"),
        (
            DeviceFacts(kind=Kind.ONVIF, manufacturer="Dahua", model="IPC-HDBW5431E-Z"),
            "dahua/ipc-hx3xxx-hx5xxx",
        ),
        (DeviceFacts(kind=Kind.ONVIF, manufacturer="Nobody"), "generic/generic-onvif"),
        (DeviceFacts(kind=Kind.RTSP), "generic/generic-rtsp"),
    ],
)
def test_devices_find_their_shipped_profile(facts: DeviceFacts, found: str) -> None:
    assert match_device(SET, facts).profile.id == found
