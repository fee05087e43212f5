"""Rule `no-signal`: the picture is not the card that a device shows when it gets no signal.

Guarantees: a card for longer than the plan allows is nonconforming: nothing was collected. A card is of
one colour with hardly any detail (a blue or white screen with a line of text, which may move), or
standing colour bars. A black card is rule `black`. A lens against a flat, evenly lit wall looks like
a card too, and is as useless.
"""

from __future__ import annotations

from agent.capture.observed import Observed, PictureNumbers, longest_stretch
from agent.capture.rules.black import is_black
from agent.model.spec import CollectionSpec, PictureLimits
from agent.model.times import NS_PER_S
from agent.model.verdict import Finding, Grade

RULE = "no-signal"
# What text and edges leave flat, and how much of a card may move.
_FLAT_SHARE = 0.6
_MOVES = 0.1
_BARS_MOVE = 0.002


def is_card(limits: PictureLimits, seen: PictureNumbers) -> bool:
    """True for one colour without detail, or for standing bars."""
    if is_black(limits, seen) or seen.changed is None or seen.changed > _MOVES:
        return False
    plain = seen.plain >= limits.card_share and seen.flat_share >= _FLAT_SHARE
    bars = seen.bars >= limits.card_share and seen.changed <= _BARS_MOVE
    return plain or bars


def judge(spec: CollectionSpec, facts: Observed) -> Finding | None:
    """None (not judged) without a limit or without two pictures to compare."""
    limits = spec.picture
    if limits.no_signal_max_s is None or all(check.numbers.changed is None for check in facts.pictures):
        return None
    found = longest_stretch(facts, lambda seen: is_card(limits, seen), from_before=True)
    return Finding(
        rule=RULE,
        grade=Grade.NONCONFORMING
        if found.duration_ns >= limits.no_signal_max_s * NS_PER_S
        else Grade.CONFORMING,
        measured=f"a card for {found.duration_ns / NS_PER_S:.1f} s",
        required=f"at most {limits.no_signal_max_s:g} s",
    )
