"""What a policy means to this engine: mask style, hold times in frames, zones in pixels, what is refused.

Guarantees: pure; a policy that its own user approved is refused (STD 8.2 f). Leaves out reading the file
(`agent/formats/deid_policy_v1.py`), what purposes add (`purposes.py`) and text (`text_rules.py`).
"""

from __future__ import annotations

import math
from fractions import Fraction

from agent.deid.boxes import Box, zone
from agent.deid.detector_profiles import DetectorProfile
from agent.deid.masks import MaskKind, MaskStyle, yuv_of
from agent.deid.purposes import check_approver, dilation_of
from agent.deid.tracks import TrackSettings
from agent.formats.deid_policy_v1 import DeidPolicy


def check_can_be_done(policy: DeidPolicy) -> None:
    """Raises `Refuse` `deid.approver-is-user`. To be called before anything of a film is read."""
    check_approver(policy)


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
        dilation=dilation_of(policy, profile.dilation),
    )
