"""Rule `clock`: the source's clock does not step.

Guarantees: a step of more than a second is degraded, not worse: every picture is there, but from the step
on the recording's own times are off, and players show a hole or an overlap. Told apart from silence by
the arrivals: timestamps that jump while frames keep coming are the clock's. Our own clock's steps cut the
segment and are leaves of the ledger.
"""

from __future__ import annotations

from agent.capture.observed import Observed
from agent.model.spec import CollectionSpec
from agent.model.times import NS_PER_S
from agent.model.verdict import Finding, Grade

RULE = "clock"


def judge(spec: CollectionSpec, facts: Observed) -> Finding | None:
    """None (not judged) without frames. Has no limit of its own in the spec."""
    taken = facts.measurement
    if not taken.frames:
        return None
    furthest = f", furthest by {taken.clock_step_ns / NS_PER_S:+.1f} s" if taken.clock_steps else ""
    return Finding(
        rule=RULE,
        grade=Grade.DEGRADED if taken.clock_steps else Grade.CONFORMING,
        measured=f"{taken.clock_steps} steps{furthest}",
        required="no step over 1 s",
    )
