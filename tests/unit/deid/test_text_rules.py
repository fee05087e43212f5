"""Who knows where writing stands: approver, device profile, both, or nobody: then all is filled."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest

from agent.deid.boxes import Box
from agent.deid.text_rules import DeviceText, PartZone, device_text, text_duty
from agent.device.profiles import load_profiles
from tests.fakes.face_films import POLICY, policy
from tests.fakes.text_films import TEXT_POLICY

SIZE = (400, 200)
ZONE = '\n[[zone]]\nx = "0"\ny = "0"\nwidth = "1/4"\nheight = "1/10"\n'
PICTURE = '\n[[zone]]\nx = "3/4"\ny = "0"\nwidth = "1/4"\nheight = "1/4"\nwhat = "picture"\n'
ABSENT = 'text_absent = "drawn by a test"\n'
FIND = TEXT_POLICY.replace('text_devices = ["test/known"]\n', "")
CORNER = PartZone(Fraction(1, 2), Fraction(1, 2), Fraction(1, 2), Fraction(1, 2))
KNOWN = DeviceText(profile="test/known", recognised=True, zones=(CORNER,))
SILENT = replace(KNOWN, zones=())
MUTE = replace(KNOWN, zones=None)
GENERIC = replace(KNOWN, recognised=False)


@pytest.mark.parametrize(
    ("text", "device", "known", "find"),
    [
        (POLICY, None, True, False),
        (POLICY.replace(ABSENT, "") + ZONE, None, True, False),
        (FIND, None, False, True),
        (FIND, GENERIC, False, True),
        (FIND, MUTE, False, True),
        (FIND, SILENT, True, True),
        (FIND, KNOWN, True, True),
        (FIND + ZONE, None, True, True),
        (TEXT_POLICY, None, False, True),
        (TEXT_POLICY, MUTE, True, True),
        (TEXT_POLICY, replace(MUTE, profile="test/other"), False, True),
        (TEXT_POLICY, replace(MUTE, recognised=False), False, True),
    ],
    ids=[
        "absent", "zones", "find-no-device", "find-generic", "find-mute", "find-silent", "find-zones",
        "find-own-zones", "enough-no-device", "enough-named", "enough-other", "enough-generic",
    ],
)  # fmt: skip
def test_who_knows(text: str, device: DeviceText | None, known: bool, find: bool) -> None:
    duty = text_duty(policy(text), device, SIZE)
    assert (duty.known, duty.find) == (known, find)


def test_zones_of_policy_and_device_are_joined_and_a_picture_in_the_picture_is_one() -> None:
    duty = text_duty(policy(FIND + ZONE + PICTURE), KNOWN, SIZE)
    assert duty.zones == (Box(0, 0, 100, 20), Box(300, 0, 400, 50), Box(200, 100, 400, 200))
    assert text_duty(policy(POLICY), KNOWN, SIZE).zones == (Box(200, 100, 400, 200),)


def test_zones_of_a_fallback_profile_mean_nothing() -> None:
    assert text_duty(policy(FIND), GENERIC, SIZE).zones == ()


def test_what_profiles_say() -> None:
    profiles = load_profiles()
    synthetic = device_text(profiles.get("generic/synthetic"))
    assert synthetic.recognised
    assert synthetic.zones
    generic = device_text(profiles.get("generic/generic-rtsp"))
    assert (generic.recognised, generic.zones) == (False, None)
    assert device_text(profiles.get("hikvision/any-camera")).zones is None
