"""The detector profiles that a policy names: how large, how often and how surely faces are looked for.

Guarantees: literal values; what was measured with them is said beside them in plain words and goes into
every report. Leaves out the detector (`faces.py`). A hospital's own footage differs: docs/deid.md, Limits.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorProfile:
    """`side`: the picture's longer side for the detector in pixels; `every`: it sees each n-th frame of a
    film of 25 frames per second (`at_rate` for others); `threshold`: the least score of a face; `dilation`:
    how much longer a mask's sides are than the face's.
    """

    name: str
    side: int
    every: int
    threshold: float
    dilation: float
    limits: tuple[str, ...]


_EVERY_IS_AT = 25  # frames per second
_BOTH = (
    "Measured on one film of a street in 1080p and one of an office, annotated by one reviewer: in other "
    "places more is missed. edgeward deid-measure tells for your own film.",
    "Faces that are turned away, covered by a cap and a mask, upside down, mirrored in glass or shown on a "
    "screen are missed more often. Tattoos, name tags, gait and voices in writing are not looked for.",
)
DETECTOR_PROFILES = (
    DetectorProfile(
        name="live",
        side=640,
        every=2,
        threshold=0.15,
        dilation=1.4,
        limits=(
            "On single frames, of faces 20 to 32 pixels wide 1 to 27 in 100 were missed, depending on who "
            "annotated; of 32 to 60 pixels up to 2 in 100. With a painted mask and cap up to 10 in 100 eyes "
            "were missed. Smaller faces were not measured.",
            *_BOTH,
        ),
    ),
    DetectorProfile(
        name="careful",
        side=960,
        every=3,
        threshold=0.15,
        dilation=1.4,
        limits=(
            "On single frames, of faces 20 to 32 pixels wide 1 to 5 in 100 were missed, depending on who "
            "annotated; from 32 pixels none of those annotated. With a painted mask and cap up to 5 in 100 "
            "eyes were missed. Smaller faces were not measured.",
            *_BOTH,
        ),
    ),
)


def detector_profile(name: str) -> DetectorProfile:
    """The profile called `name`; `KeyError` for a name that no policy can hold."""
    return {profile.name: profile for profile in DETECTOR_PROFILES}[name]


def at_rate(profile: DetectorProfile, rate: Fraction) -> DetectorProfile:
    """`profile` for `rate` frames per second: as often in time as at 25, and at least as often.

    A face that turns to the camera for half a second is five frames of a film of 10 per second.
    """
    return replace(profile, every=max(1, int(profile.every * rate / _EVERY_IS_AT)))
