"""What a policy means to this engine: mask style, hold times in frames, zones in pixels, what is refused.

Guarantees: pure; a policy that asks for more than this version removes is refused, never done in part.
Leaves out reading the file (`agent/formats/deid_policy_v1.py`).
"""

from __future__ import annotations

import math
from fractions import Fraction

from agent.deid.boxes import Box, zone
from agent.deid.detector_profiles import DetectorProfile
from agent.deid.masks import MaskKind, MaskStyle, yuv_of
from agent.deid.tracks import TrackSettings
from agent.formats.deid_policy_v1 import DeidPolicy
from agent.model.errors import Refuse

# Missing: hands' prints and ears (education), field and time window (research), shifted times (newtech), the
# sealed link (assist).
PURPOSES_DONE = ("general",)


def check_can_be_done(policy: DeidPolicy) -> None:
    """Raises `Refuse` `deid.purpose`, `deid.no-text-detector` when this version can't do what it asks."""
    if policy.purpose not in PURPOSES_DONE:
        raise Refuse(
            "deid.purpose",
            f"this version does not remove all that purpose {policy.purpose} demands",
            f"purposes that can be done: {', '.join(PURPOSES_DONE)}; see docs/deid.md, Limits",
        )
    if policy.text:
        raise Refuse(
            "deid.no-text-detector",
            "the policy wants text to be found, and this version has no text detector",
            "write text = false and a [[zone]] over each place where text stands",
        )


def style_of(policy: DeidPolicy) -> MaskStyle:
    """How its masks look."""
    return MaskStyle(kind=MaskKind(policy.mask.kind), colour=yuv_of(policy.mask.rgb), cell=policy.mask.cell)


def zones_of(policy: DeidPolicy, size: tuple[int, int]) -> tuple[Box, ...]:
    """Its zones on a picture of `size`."""
    return tuple(
        zone(Fraction(part.x), Fraction(part.y), Fraction(part.width), Fraction(part.height), size)
        for part in policy.zone
    )


def track_settings(policy: DeidPolicy, profile: DetectorProfile, rate: Fraction) -> TrackSettings:
    """Its hold times at `rate` frames per second, rounded up, and never shorter than nobody looks."""

    def frames(seconds: float) -> int:
        return math.ceil(Fraction(seconds) * rate)

    return TrackSettings(
        before=max(profile.every, frames(policy.hold.before_s)),
        after=max(profile.every, frames(policy.hold.after_s)),
        start=frames(policy.hold.start_s),
        every=profile.every,
        dilation=profile.dilation,
    )
