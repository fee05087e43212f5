"""Rule `aspect`: a pixel has the plan's width to height.

Guarantees: another aspect is degraded, not worse: every sample is there, but shapes and measures are
wrong where a program doesn't look. A stream that doesn't say (ITU-T H.264 and H.265, table E-1: 0,
"unspecified") is shown with square pixels by every player: it conforms where square is asked for, and
is degraded where something else is.
"""

from __future__ import annotations

from fractions import Fraction

from agent.capture.observed import Observed
from agent.model.spec import CollectionSpec
from agent.model.verdict import Finding, Grade

RULE = "aspect"


def judge(spec: CollectionSpec, facts: Observed) -> Finding | None:
    """None (not judged) when any aspect is allowed, or without a readable parameter set."""
    said = facts.parameters
    if spec.pixel_aspect is None or said is None:
        return None
    shown = Fraction(1) if said.sar is None else said.sar
    return Finding(
        rule=RULE,
        grade=Grade.CONFORMING if shown == spec.pixel_aspect else Grade.DEGRADED,
        measured="unknown" if said.sar is None else _text(said.sar),
        required=_text(spec.pixel_aspect),
    )


def _text(aspect: Fraction) -> str:
    return f"{aspect.numerator}:{aspect.denominator}"
