"""The device's firmware is not one for which an attack is published (STD 6.3)."""

from __future__ import annotations

from agent.health.check import VISIT, Check
from agent.health.probed import DeviceSeen
from agent.health.site import Site, Skip
from agent.model.finding import Judged, Owner, Status

_MOST = 3


def sample(site: Site, target: str | None) -> DeviceSeen:
    """Skip `not-configured` for a device whose profile has no border, `no-answer`."""
    seen = site.probes.device(str(target))
    if not seen.floors:
        raise Skip("not-configured", seen.profile)
    return seen


def judge(found: DeviceSeen) -> Judged:
    """Below a border fails; what is not told or can't be compared must be looked up by a person."""
    below = [one for one in found.doubts if one.below]
    shown = below or list(found.doubts)
    status, message = Status.PASS, "good"
    if below:
        status, message = Status.FAIL, "old"
    elif found.doubts:
        status, message = Status.WARN, "unsure" if found.firmware else "not-told"
    advisories = dict.fromkeys(name for one in shown[:_MOST] for name in one.advisories)
    return Judged(
        status=status,
        message=message,
        measured=found.firmware or "-",
        required="; ".join(one.required for one in shown[:_MOST])[:300] or None,
        values={
            "firmware": found.firmware or "-",
            "required": shown[0].required if shown else "-",
            "advisories": ", ".join(advisories) or "-",
            "remedy": shown[0].remedy if shown else "-",
        },
    )


CHECK = Check(
    id="device.firmware",
    owner=Owner.BIOMEDICAL,
    profiles=VISIT,
    messages=("good", "old", "unsure", "not-told"),
    sample=sample,
    judge=judge,
    per_channel=True,
)
