"""Where writing may stand on a device's pictures, and what to do when nobody knows: fill the whole picture.

Guarantees: pure; zones of the policy and of the device are always joined; a device whose writing nobody knows
is said to be so (`known` false), which means the whole picture. Leaves out which device it is: the caller
names its profile, and takes responsibility for that where the film does not tell.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from agent.deid.boxes import Box, zone
from agent.formats.deid_policy_v1 import DeidPolicy
from agent.formats.profile_v1 import DeviceProfile, Scope


@dataclass(frozen=True, slots=True)
class PartZone:
    """A rectangle in parts of the picture."""

    x: Fraction
    y: Fraction
    width: Fraction
    height: Fraction


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceText:
    """What is known of a device's writing. `zones`: all of it, perhaps none; None when nobody knows.

    `recognised` false: a fallback profile, which says nothing about the very device.
    """

    profile: str
    recognised: bool
    zones: tuple[PartZone, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TextDuty:
    """What to do on each picture: fill `zones`, also look for text (`find`), or, not `known`, fill it all."""

    find: bool
    known: bool
    zones: tuple[Box, ...]


def device_text(profile: DeviceProfile) -> DeviceText:
    """What `profile` says about writing (docs/formats/device-profile-v1.md, `[overlay]`)."""
    zones = None
    if profile.overlay.known != "no":
        zones = tuple(
            PartZone(Fraction(part.x), Fraction(part.y), Fraction(part.width), Fraction(part.height))
            for part in profile.overlay.zone
        )
    return DeviceText(profile=profile.id, recognised=profile.scope is not Scope.GENERIC, zones=zones)


def text_duty(policy: DeidPolicy, device: DeviceText | None, size: tuple[int, int]) -> TextDuty:
    """The duty on pictures of `size`; `device` is None when the film's is not told.

    Somebody must know where writing stands: the approver, who says that there is none (`text_absent`) or
    where (`[[zone]]`); the device's profile; or the approver again, who says that finding it is enough for a
    device that is recognised (`text_devices`).
    """
    own = tuple(
        zone(Fraction(part.x), Fraction(part.y), Fraction(part.width), Fraction(part.height), size)
        for part in policy.zone
    )
    recognised = device if device is not None and device.recognised else None
    theirs = recognised.zones if recognised is not None else None
    known = (
        policy.text_absent is not None
        or bool(policy.zone)
        or theirs is not None
        or (recognised is not None and recognised.profile in policy.text_devices)
    )
    device_zones = tuple(zone(part.x, part.y, part.width, part.height, size) for part in theirs or ())
    return TextDuty(find=policy.text, known=known, zones=(*own, *device_zones))
