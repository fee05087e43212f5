"""Rule `defocused`: the picture is not out of focus for longer than the plan allows.

Guarantees: out of focus for longer is degraded, not worse: there is something to see. Judged is the blur of
the parts that have detail, so a plain wall beside a sharp bed does no harm; a picture without any detail
is rule `covered`. Motion blurs for moments only: the limit in seconds keeps it out.
"""

from __future__ import annotations

from agent.capture.observed import Observed, PictureNumbers, longest_stretch
from agent.capture.rules.black import is_black
from agent.capture.rules.covered import is_covered
from agent.capture.rules.no_signal import is_card
from agent.model.spec import CollectionSpec, PictureLimits
from agent.model.times import NS_PER_S
from agent.model.verdict import Finding, Grade

RULE = "defocused"


def is_defocused(limits: PictureLimits, seen: PictureNumbers) -> bool:
    """True when the parts with detail are blurred, and nothing worse is the reason."""
    blurred = seen.blur is not None and seen.blur >= limits.defocused_blur
    return blurred and not (is_black(limits, seen) or is_card(limits, seen) or is_covered(limits, seen))


def judge(spec: CollectionSpec, facts: Observed) -> Finding | None:
    """None (not judged) without a limit or without pictures."""
    limits = spec.picture
    if limits.defocused_max_s is None or not facts.pictures:
        return None
    found = longest_stretch(facts, lambda seen: is_defocused(limits, seen))
    blur = "" if found.last is None else f", blur {found.last.blur or 0:.2f}"
    return Finding(
        rule=RULE,
        grade=Grade.DEGRADED if found.duration_ns >= limits.defocused_max_s * NS_PER_S else Grade.CONFORMING,
        measured=f"out of focus for {found.duration_ns / NS_PER_S:.1f} s{blur}",
        required=f"at most {limits.defocused_max_s:g} s, blur below {limits.defocused_blur:g}",
    )
