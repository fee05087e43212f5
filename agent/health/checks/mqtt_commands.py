"""The controller's commands reach this box: its broker lets it hear them."""

from __future__ import annotations

from agent.health.check import VISIT, Check
from agent.health.site import Site, Skip
from agent.model.finding import Judged, Owner, Status

ALARM = "commands.deaf"


def sample(site: Site, target: str | None) -> bool:
    """Whether the broker granted the subscription. Skip `no-agent`, `not-configured`, `too-early`."""
    link = site.running().get("link")
    if not isinstance(link, dict):
        raise Skip("not-configured")
    if not link.get("connected"):
        raise Skip("too-early", "mqtt.session")
    return site.alarm_text("_", ALARM) is None


def judge(granted: bool) -> Judged:
    """A box that is deaf can't be stopped, checked or told to destroy anything from afar."""
    return Judged(
        status=Status.PASS if granted else Status.FAIL,
        message="good" if granted else "deaf",
        measured="granted" if granted else "refused",
        required="granted",
    )


CHECK = Check(
    id="mqtt.commands",
    owner=Owner.HOSPITAL_IT,
    profiles=VISIT,
    messages=("good", "deaf"),
    sample=sample,
    judge=judge,
)
