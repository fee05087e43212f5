"""Rule `colour-range`: luma runs from 16 to 235 (limited) or from 0 to 255 (full), as planned.

Guarantees: the other range is degraded, not worse: nothing is lost, but contrast is wrong where a program
doesn't look. A stream that doesn't say is limited by the standards (ITU-T H.264 and H.265, E.2.1: the
flag is inferred to be 0), so it is judged as limited and told as unknown.
"""

from __future__ import annotations

from agent.capture.observed import Observed
from agent.model.spec import CollectionSpec, ColourRange
from agent.model.verdict import Finding, Grade

RULE = "colour-range"


def judge(spec: CollectionSpec, facts: Observed) -> Finding | None:
    """None (not judged) when the plan doesn't care, or without a readable parameter set."""
    said = facts.parameters
    if spec.colour_range is None or said is None:
        return None
    found = ColourRange.FULL if said.full_range else ColourRange.LIMITED
    return Finding(
        rule=RULE,
        grade=Grade.CONFORMING if found is spec.colour_range else Grade.DEGRADED,
        measured="unknown, which means limited" if said.full_range is None else found.value,
        required=spec.colour_range.value,
    )
