"""Nothing is too hot: a box behind a monitor stack throttles before it fails."""

from __future__ import annotations

from agent.health.check import VISIT, Check
from agent.health.site import Site, Skip
from agent.model.finding import Judged, Owner, Profile, Status

WARM_CELSIUS = 75
HOT_CELSIUS = 90


def sample(site: Site, target: str | None) -> int:
    """The hottest thermal zone, whole degrees. Skip `no-hardware` where there is no sensor."""
    found = []
    for zone in sorted(site.path("/sys/class/thermal").glob("thermal_zone*/temp")):
        text = site.text(f"/sys/class/thermal/{zone.parent.name}/temp") or ""
        if text.lstrip("-").isdigit():
            found.append(int(text) // 1000)
    if not found:
        raise Skip("no-hardware", "/sys/class/thermal")
    return max(found)


def judge(celsius: int) -> Judged:
    """From 75 °C on it warns, from 90 °C on it fails."""
    status, message = Status.PASS, "good"
    if celsius >= HOT_CELSIUS:
        status, message = Status.FAIL, "hot"
    elif celsius >= WARM_CELSIUS:
        status, message = Status.WARN, "warm"
    return Judged(
        status=status,
        message=message,
        measured=f"{celsius} °C",
        required=f"< {WARM_CELSIUS} °C",
        values={"celsius": str(celsius)},
    )


CHECK = Check(
    id="host.temp",
    owner=Owner.TECHNICIAN,
    profiles=VISIT | {Profile.CONTINUOUS},
    messages=("good", "warm", "hot"),
    sample=sample,
    judge=judge,
)
