"""The channel's process has not been started again and again."""

from __future__ import annotations

from agent.health.check import VISIT, Check
from agent.health.site import Site
from agent.model.finding import Judged, Owner, Status

BAD = 5


def sample(site: Site, target: str | None) -> int:
    """Restarts since the agent started."""
    restarts = site.channel_status(target).get("restarts")
    return restarts if isinstance(restarts, int) else 0


def judge(restarts: int) -> Judged:
    """Each is a recorded gap."""
    status, message = Status.PASS, "good"
    if restarts >= BAD:
        status, message = Status.FAIL, "often"
    elif restarts:
        status, message = Status.WARN, "some"
    return Judged(
        status=status,
        message=message,
        measured=str(restarts),
        required="0",
        values={"restarts": str(restarts)},
    )


CHECK = Check(
    id="vid.restarts",
    owner=Owner.MAKER,
    profiles=VISIT,
    messages=("good", "some", "often"),
    sample=sample,
    judge=judge,
    per_channel=True,
)
