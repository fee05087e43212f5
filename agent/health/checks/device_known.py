"""The channel's device has a profile: what it burns in, which modes it has, which firmware is too old."""

from __future__ import annotations

from agent.health.check import VISIT, Check
from agent.health.probed import DeviceSeen
from agent.health.site import Site
from agent.model.finding import Judged, Owner, Status


def sample(site: Site, target: str | None) -> DeviceSeen:
    """Skip `not-configured` for what is no device, `no-answer` for a camera that is off."""
    return site.probes.device(str(target))


def judge(found: DeviceSeen) -> Judged:
    """An unknown one is recorded, and never released through de-identification (STD 6.4)."""
    return Judged(
        status=Status.PASS if found.known else Status.WARN,
        message="good" if found.known else "unknown",
        measured=found.profile,
        required="a profile",
        values={"profile": found.profile, "why": found.why[:200]},
    )


CHECK = Check(
    id="device.known",
    owner=Owner.BIOMEDICAL,
    profiles=VISIT,
    messages=("good", "unknown"),
    sample=sample,
    judge=judge,
    per_channel=True,
)
