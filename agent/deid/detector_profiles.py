"""The detector profiles that a policy names: how large, how often and how surely faces are looked for.

Guarantees: literal values; what was measured with them is said beside them in plain words and goes into
every report. Leaves out the detector (`faces.py`). A hospital's own footage differs: docs/deid.md, Limits.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorProfile:
    """`side`: the picture's longer side for the detector in pixels; `every`: it sees each n-th frame;
    `threshold`: the least score of a face; `dilation`: how much longer a mask's sides are than the face's.
    """

    name: str
    side: int
    every: int
    threshold: float
    dilation: float
    limits: tuple[str, ...]


_BOTH = (
    "Where a face was covered it was found on a clip of a street, filmed in 1080p: other places differ.",
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
            "Of faces 20 to 32 pixels wide in a 1080p picture about 27 in 100 were missed on single frames, "
            "of 32 to 60 pixels 2 in 100. With a painted mask and cap 10 in 100 eyes were missed.",
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
            "Of faces 20 to 32 pixels wide in a 1080p picture about 5 in 100 were missed on single frames; "
            "from 32 pixels none of those annotated. With a painted mask and cap 5 in 100 eyes were missed.",
            *_BOTH,
        ),
    ),
)


def detector_profile(name: str) -> DetectorProfile:
    """The profile called `name`; `KeyError` for a name that no policy can hold."""
    return {profile.name: profile for profile in DETECTOR_PROFILES}[name]
