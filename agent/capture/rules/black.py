"""Rule `black`: the picture is not black for longer than the plan allows.

Guarantees: black for longer is nonconforming: nothing was collected. Dark rooms are not black: the dark
share counts pixels at the bottom of the range, and infrared or a lamp lifts most of them.
"""

from __future__ import annotations

from agent.capture.observed import Observed, PictureNumbers, longest_stretch
from agent.model.spec import CollectionSpec, PictureLimits
from agent.model.times import NS_PER_S
from agent.model.verdict import Finding, Grade

RULE = "black"
# Pure blue has a luma of 18 to 29; a blue screen is a card and not black. Chroma noise stays far below.
_COLOURED = 24


def is_black(limits: PictureLimits, seen: PictureNumbers) -> bool:
    """True when all but a little of the picture is dark and grey."""
    grey = seen.saturation is None or seen.saturation < _COLOURED
    return grey and seen.dark_share >= limits.black_share


def judge(spec: CollectionSpec, facts: Observed) -> Finding | None:
    """None (not judged) without a limit or without pictures."""
    limits = spec.picture
    if limits.black_max_s is None or not facts.pictures:
        return None
    found = longest_stretch(facts, lambda seen: is_black(limits, seen))
    luma = "" if found.last is None else f", mean luma {found.last.luma:.1f} of 255"
    return Finding(
        rule=RULE,
        grade=Grade.NONCONFORMING if found.duration_ns >= limits.black_max_s * NS_PER_S else Grade.CONFORMING,
        measured=f"black for {found.duration_ns / NS_PER_S:.1f} s{luma}",
        required=f"at most {limits.black_max_s:g} s",
    )
