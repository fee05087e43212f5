"""The box was not cut off from power, nor its agent killed, in the last seven days."""

from __future__ import annotations

from agent.health.check import VISIT, Check
from agent.health.site import Site
from agent.model.finding import Judged, Owner, Status
from agent.model.times import NS_PER_S

DAYS = 7
BAD = 3


def sample(site: Site, target: str | None) -> int:
    """Starts that followed no proper end, by the ledger."""
    since_ns = site.clock.now().wall_ns - DAYS * 86_400 * NS_PER_S
    return site.probes.unclean_boots(since_ns)


def judge(count: int) -> Judged:
    """One is to be watched, three are a fault (checks.md, host.power)."""
    status, message = Status.PASS, "good"
    if count >= BAD:
        status, message = Status.FAIL, "often"
    elif count:
        status, message = Status.WARN, "some"
    return Judged(
        status=status,
        message=message,
        measured=f"{count} / {DAYS} d",
        required="0",
        values={"count": str(count), "days": str(DAYS)},
    )


CHECK = Check(
    id="host.power",
    owner=Owner.TECHNICIAN,
    profiles=VISIT,
    messages=("good", "some", "often"),
    sample=sample,
    judge=judge,
)
