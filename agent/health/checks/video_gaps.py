"""Little of the last day is missing for a reason that is a fault."""

from __future__ import annotations

from dataclasses import dataclass

from agent.formats.ledger_v1 import LeafType
from agent.health.check import VISIT, Check
from agent.health.site import Site
from agent.model.finding import Judged, Owner, Status

DAY_S = 86_400.0
GOOD_S = 10.0
BAD_S = 600.0
# Nobody's fault: stopped, not allowed, not now, long enough (docs/formats/ledger-v1.md, gap).
_MEANT = frozenset({"stopped", "refused", "not-scheduled", "recording-limit"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """How many stretches, seconds in all, and the cause of most of that."""

    count: int
    seconds: float
    cause: str


def sample(site: Site, target: str | None) -> Missing:
    """Of the last day, by the ledger. Skip `too-early`."""
    causes: dict[str, float] = {}
    count = 0
    for leaf in site.probes.recent_leaves(DAY_S):
        cause, lasted_ms = leaf.body.get("cause"), leaf.body.get("duration_ms")
        if leaf.type is not LeafType.GAP or leaf.body.get("channel") != target or cause in _MEANT:
            continue
        if isinstance(lasted_ms, int):
            count += 1
            causes[str(cause)] = causes.get(str(cause), 0.0) + lasted_ms / 1000
    worst = max(causes, key=lambda name: causes[name], default="-")
    return Missing(count=count, seconds=sum(causes.values()), cause=worst)


def judge(found: Missing) -> Judged:
    """Some seconds are a camera that opened anew; ten minutes are an examination."""
    status, message = Status.PASS, "good"
    if found.seconds > BAD_S:
        status, message = Status.FAIL, "many"
    elif found.seconds > GOOD_S:
        status, message = Status.WARN, "some"
    seconds = f"{found.seconds:.0f}"
    return Judged(
        status=status,
        message=message,
        measured=f"{found.count}, {seconds} s ({found.cause})",
        required=f"≤ {GOOD_S:g} s",
        values={"count": str(found.count), "seconds": seconds, "cause": found.cause},
    )


CHECK = Check(
    id="vid.gaps",
    owner=Owner.TECHNICIAN,
    profiles=VISIT,
    messages=("good", "some", "many"),
    sample=sample,
    judge=judge,
    per_channel=True,
)
