"""What is due for destruction is destroyed, or held with a reason (STD 10.1)."""

from __future__ import annotations

from agent.health.check import VISIT, Check
from agent.health.site import Site
from agent.model.finding import Judged, Owner, Status

ALARM = "retention.overdue"


def sample(site: Site, target: str | None) -> bool:
    """Whether the agent's last nightly run found recordings that are overdue. Skip `no-agent`."""
    return site.alarm_text("_", ALARM) is not None


def judge(overdue: bool) -> Judged:
    """More than 30 days past the term, without a hold."""
    return Judged(
        status=Status.WARN if overdue else Status.PASS,
        message="overdue" if overdue else "good",
        measured="> 30 d" if overdue else "-",
        required="≤ 30 d",
    )


CHECK = Check(
    id="retention.overdue",
    owner=Owner.HOSPITAL_IT,
    profiles=VISIT,
    messages=("good", "overdue"),
    sample=sample,
    judge=judge,
)
