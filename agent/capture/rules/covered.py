"""Rule `covered`: nothing lies over the lens for longer than the plan allows.

Guarantees: covered for longer is degraded, not worse: a flat picture may also be fog, a wall or a cap, and
only somebody who looks can tell. Covered means that nearly all of the picture is without detail although
it is not black and not a card: a hand or a cloth is dark, out of focus and lit from the rim.
"""

from __future__ import annotations

from agent.capture.observed import Observed, PictureNumbers, longest_stretch
from agent.capture.rules.black import is_black
from agent.capture.rules.no_signal import is_card
from agent.model.spec import CollectionSpec, PictureLimits
from agent.model.times import NS_PER_S
from agent.model.verdict import Finding, Grade

RULE = "covered"


def is_covered(limits: PictureLimits, seen: PictureNumbers) -> bool:
    """True when nearly all is flat, and neither black nor a card."""
    flat = seen.flat_share >= limits.covered_flat_share
    return flat and not is_black(limits, seen) and not is_card(limits, seen)


def judge(spec: CollectionSpec, facts: Observed) -> Finding | None:
    """None (not judged) without a limit or without pictures."""
    limits = spec.picture
    if limits.covered_max_s is None or not facts.pictures:
        return None
    found = longest_stretch(facts, lambda seen: is_covered(limits, seen))
    flat = "" if found.last is None else f", {100 * found.last.flat_share:.0f} % without detail"
    return Finding(
        rule=RULE,
        grade=Grade.DEGRADED if found.duration_ns >= limits.covered_max_s * NS_PER_S else Grade.CONFORMING,
        measured=f"covered for {found.duration_ns / NS_PER_S:.1f} s{flat}",
        required=f"at most {limits.covered_max_s:g} s",
    )
