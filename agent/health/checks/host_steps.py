"""Nobody set the clock while the agent ran: times within a recording would jump."""

from __future__ import annotations

from agent.formats.ledger_v1 import LeafType
from agent.health.check import VISIT, Check
from agent.health.site import Site
from agent.model.finding import Judged, Owner, Status

DAY_S = 86_400.0
BAD = 3


def sample(site: Site, target: str | None) -> tuple[int, ...]:
    """Steps of the last day in ms, by the ledger. Skip `too-early`."""
    leaves = site.probes.recent_leaves(DAY_S)
    steps = (leaf.body.get("step_ms") for leaf in leaves if leaf.type is LeafType.CLOCK_STEP)
    return tuple(step for step in steps if isinstance(step, int))


def judge(steps: tuple[int, ...]) -> Judged:
    """One may be the first synchronisation; three are a time server that jumps, or two of them."""
    largest = max((abs(step) for step in steps), default=0) / 1000
    status, message = Status.PASS, "good"
    if len(steps) >= BAD:
        status, message = Status.FAIL, "often"
    elif steps:
        status, message = Status.WARN, "some"
    return Judged(
        status=status,
        message=message,
        measured=f"{len(steps)} / 24 h, {largest:g} s",
        required="0",
        values={"count": str(len(steps)), "seconds": f"{largest:g}"},
    )


CHECK = Check(
    id="host.steps",
    owner=Owner.HOSPITAL_IT,
    profiles=VISIT,
    messages=("good", "some", "often"),
    sample=sample,
    judge=judge,
)
