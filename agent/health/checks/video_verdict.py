"""What the channel records keeps to its collection spec as a whole, by the agent's own verdict (STD 6.2)."""

from __future__ import annotations

from agent.health.check import VISIT, Check
from agent.health.site import Site, Skip
from agent.model.finding import Judged, Owner, Status


def sample(site: Site, target: str | None) -> str:
    """The verdict on the last segment. Skip `no-agent`, `too-early` before the first one ended."""
    verdict = site.channel_status(target).get("verdict")
    if not isinstance(verdict, str):
        raise Skip("too-early")
    return verdict


def judge(verdict: str) -> Judged:
    """`degraded` is to be watched."""
    status, message = Status.PASS, "good"
    if verdict == "nonconforming":
        status, message = Status.FAIL, "nonconforming"
    elif verdict != "conforming":
        status, message = Status.WARN, "degraded"
    return Judged(status=status, message=message, measured=verdict, required="conforming")


CHECK = Check(
    id="spec.verdict",
    owner=Owner.BIOMEDICAL,
    profiles=VISIT,
    messages=("good", "degraded", "nonconforming"),
    sample=sample,
    judge=judge,
    per_channel=True,
)
