"""The channel has a collection plan that lets it collect now (STD 6.1)."""

from __future__ import annotations

from agent.health.check import VISIT, Check
from agent.health.site import PLAN_DOUBTED, Site
from agent.model.finding import Judged, Owner, Status

PREFIX = "plan."
_OUTSIDE = "plan.outside-schedule"


def sample(site: Site, target: str | None) -> str:
    """Code of what keeps it from collecting, empty for nothing. A missing plan is seen without an agent.

    Skip `no-agent`.
    """
    if site.channel(target).plan is None:
        return "plan.missing"
    codes = (
        str(row.get("code"))
        for row in site.rows("alarms")
        if row.get("entity") == target and str(row.get("code")).startswith(PREFIX)
    )
    return min(codes, default="")


def judge(code: str) -> Judged:
    """Outside of its hours nothing is wrong; everything else means that nothing is recorded."""
    status, message = Status.FAIL, "refused"
    if code == "":
        status, message = Status.PASS, "good"
    elif code == _OUTSIDE:
        status, message = Status.PASS, "outside-hours"
    elif code == "plan.missing":
        message = "missing"
    elif code == PLAN_DOUBTED:
        status, message = Status.WARN, "clock"
    return Judged(
        status=status,
        message=message,
        measured=code or "allowed",
        required="allowed",
        values={"code": code or "-"},
    )


CHECK = Check(
    id="plan.state",
    owner=Owner.BIOMEDICAL,
    profiles=VISIT,
    messages=("good", "outside-hours", "missing", "clock", "refused"),
    sample=sample,
    judge=judge,
    per_channel=True,
)
