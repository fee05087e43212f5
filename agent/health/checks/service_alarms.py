"""No alarm is raised at this moment."""

from __future__ import annotations

from agent.health.check import VISIT, Check
from agent.health.checks import config_sent, mqtt_commands, plan_state, retention_overdue
from agent.health.site import Site
from agent.model.finding import Judged, Owner, Status

# Raised by checks, or told by one that looks at this very alarm.
_OTHERS = (
    "health.",
    plan_state.PREFIX,
    mqtt_commands.ALARM,
    retention_overdue.ALARM,
    config_sent.ROLLED_BACK,
    config_sent.MEMORY,
)


def sample(site: Site, target: str | None) -> tuple[str, ...]:
    """Codes of the agent's alarms, but those that a check raises or reads. Skip `no-agent`."""
    codes = (str(row.get("code")) for row in site.rows("alarms"))
    return tuple(sorted({code for code in codes if not code.startswith(_OTHERS)}))


def judge(codes: tuple[str, ...]) -> Judged:
    """Each says itself what to do."""
    words = ", ".join(codes) or "none"
    return Judged(
        status=Status.WARN if codes else Status.PASS,
        message="raised" if codes else "good",
        measured=words,
        required="none",
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
