"""Rule `frozen`: the picture does not stand still for longer than the plan allows.

Guarantees: frozen for longer is nonconforming: what looks like a live picture is an old one. Frozen means
that between key frames no pixel changes, and all of them together less than a sensor's noise does. Black
pictures and cards stand still too; their own rules name them.
"""

from __future__ import annotations

from agent.capture.observed import Observed, PictureNumbers, longest_stretch
from agent.capture.rules.black import is_black
from agent.capture.rules.no_signal import is_card
from agent.model.spec import CollectionSpec, PictureLimits
from agent.model.times import NS_PER_S
from agent.model.verdict import Finding, Grade

RULE = "frozen"


def judge(spec: CollectionSpec, facts: Observed) -> Finding | None:
    """None (not judged) without a limit or without two pictures to compare."""
    limits = spec.picture
    if limits.frozen_max_s is None or all(check.numbers.changed is None for check in facts.pictures):
        return None
    found = longest_stretch(facts, lambda seen: is_frozen(limits, seen), from_before=True)
    return Finding(
        rule=RULE,
        grade=Grade.NONCONFORMING
        if found.duration_ns >= limits.frozen_max_s * NS_PER_S
        else Grade.CONFORMING,
        measured=f"without change for {found.duration_ns / NS_PER_S:.1f} s",
        required=f"at most {limits.frozen_max_s:g} s",
    )


def is_frozen(limits: PictureLimits, seen: PictureNumbers) -> bool:
    """True when it hardly differs from the picture before, and nothing worse is the reason."""
    if seen.changed is None or seen.difference is None:
        return False
    still = seen.changed <= limits.frozen_change and seen.difference <= limits.frozen_difference
    return still and not is_black(limits, seen) and not is_card(limits, seen)
