"""Rule `decoding`: the pictures that were looked at could be decoded.

Guarantees: degraded when half of them or more, and at least two, could not: what the other picture rules
would have seen is then unknown, and a recipient will have the same trouble. One alone is a lost packet.
"""

from __future__ import annotations

from agent.capture.observed import Observed
from agent.model.spec import CollectionSpec
from agent.model.verdict import Finding, Grade

RULE = "decoding"
_AT_LEAST = 2


def judge(spec: CollectionSpec, facts: Observed) -> Finding | None:
    """None (not judged) when no picture was looked at."""
    good = sum(check.at_ns >= facts.since_ns for check in facts.pictures)
    tried = good + facts.undecoded
    if spec.picture.check_every_s is None or not tried:
        return None
    blind = facts.undecoded >= _AT_LEAST and 2 * facts.undecoded >= tried
    return Finding(
        rule=RULE,
        grade=Grade.DEGRADED if blind else Grade.CONFORMING,
        measured=f"{facts.undecoded} of {tried} pictures not decoded",
        required="less than half",
    )
