"""Somebody outside of this box has seen the ledger's newest leaves, so nobody here can rewrite them."""

from __future__ import annotations

from agent.health.check import VISIT, Check
from agent.health.probed import Witnessed
from agent.health.site import Site
from agent.model.finding import Judged, Owner, Status

# A witness answers within seconds; the agent publishes again after a minute. An hour is a fault of the link.
LATE_S = 3600
LONG_S = 24 * 3600


def sample(site: Site, target: str | None) -> Witnessed:
    """Skip `not-configured` without a witness, `too-early`."""
    return site.probes.witnessed()


def judge(found: Witnessed) -> Judged:
    """An hour is late, a day fails."""
    waits_s = found.waits_s or 0.0
    hours = f"{waits_s / 3600:.1f}"
    status, message = Status.PASS, "good"
    if waits_s > LONG_S:
        status, message = Status.FAIL, "unseen"
    elif waits_s > LATE_S:
        status, message = Status.WARN, "late"
    return Judged(
        status=status,
        message=message,
        measured=f"{found.witnessed} / {found.leaves}, {hours} h",
        required=f"≤ {LATE_S // 3600} h",
        values={"hours": hours, "unseen": str(max(0, found.leaves - found.witnessed))},
    )


CHECK = Check(
    id="ledger.witness",
    owner=Owner.HOSPITAL_IT,
    profiles=VISIT,
    messages=("good", "late", "unseen"),
    sample=sample,
    judge=judge,
)
