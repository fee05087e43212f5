"""Rule `size`: the picture has exactly the width and height of the plan, or lies in the plan's range.

Guarantees: any other size, and a size that can't be read from the bitstream (0), is nonconforming: a
model trained on one size must not get another, and minimum necessary (STD 6.2) caps it from above.
"""

from __future__ import annotations

from agent.capture.observed import Observed
from agent.model.spec import CollectionSpec
from agent.model.verdict import Finding, Grade

RULE = "size"


def judge(spec: CollectionSpec, facts: Observed) -> Finding | None:
    """Judged always."""
    readable = facts.width > 0 and facts.height > 0
    lowest = (_least(spec.width_min, spec.width), _least(spec.height_min, spec.height))
    wide_enough = lowest[0] <= facts.width <= spec.width
    matches = wide_enough and lowest[1] <= facts.height <= spec.height
    required = f"{spec.width}x{spec.height} px"
    if lowest != (spec.width, spec.height):
        required = f"{lowest[0]}x{lowest[1]} to {required}"
    return Finding(
        rule=RULE,
        grade=Grade.CONFORMING if readable and matches else Grade.NONCONFORMING,
        measured=f"{facts.width}x{facts.height} px" if readable else "unknown",
        required=required,
    )


def _least(lowest: int | None, exact: int) -> int:
    return exact if lowest is None else lowest
