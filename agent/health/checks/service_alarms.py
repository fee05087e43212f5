"""No alarm is raised at this moment."""

from __future__ import annotations

from agent.health.check import VISIT, Check
from agent.health.site import Site
from agent.model.finding import Judged, Owner, Status


def sample(site: Site, target: str | None) -> tuple[str, ...]:
    """Codes of the running agent's alarms but those that checks like these raise. Skip `no-agent`."""
    codes = (str(row.get("code")) for row in site.rows("alarms"))
    return tuple(sorted({code for code in codes if not code.startswith("health.")}))


def judge(codes: tuple[str, ...]) -> Judged:
    """Each says itself what to do."""
    words = ", ".join(codes) or "-"
    return Judged(
        status=Status.WARN if codes else Status.PASS,
        message="raised" if codes else "good",
        measured=words,
        required="-",
        values={"codes": words},
    )


CHECK = Check(
    id="svc.alarms",
    owner=Owner.TECHNICIAN,
    profiles=VISIT,
    messages=("good", "raised"),
    sample=sample,
    judge=judge,
)
