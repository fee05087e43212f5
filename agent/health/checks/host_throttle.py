"""The processor was not slowed down for heat, and the supply's voltage did not sag."""

from __future__ import annotations

from dataclasses import dataclass

from agent.health.check import VISIT, Check
from agent.health.site import Site, Skip
from agent.model.finding import Judged, Owner, Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Supply:
    """How often a core was throttled since the start; whether a supply is below its limit now."""

    throttled: int
    sagging: bool


def sample(site: Site, target: str | None) -> Supply:
    """Of sysfs: the x86 cores' counters, and hwmon's lower limits of voltage (a Raspberry Pi has that one).

    Skip `no-hardware` where there is neither.
    """
    counts = _numbers(site, "/sys/devices/system/cpu", "cpu*/thermal_throttle/core_throttle_count")
    alarms = _numbers(site, "/sys/class/hwmon", "hwmon*/in*_lcrit_alarm")
    if not counts and not alarms:
        raise Skip("no-hardware", "/sys/class/hwmon")
    return Supply(throttled=sum(counts), sagging=any(alarms))


def _numbers(site: Site, base: str, pattern: str) -> list[int]:
    folder = site.path(base)
    texts = (site.text(f"{base}/{path.relative_to(folder)}") for path in folder.glob(pattern))
    return [int(text) for text in texts if text is not None and text.isdigit()]


def judge(found: Supply) -> Judged:
    """Too little voltage ends in a damaged disk; throttling costs pictures (checks.md, host.power)."""
    status, message = Status.PASS, "good"
    if found.sagging:
        status, message = Status.FAIL, "voltage"
    elif found.throttled:
        status, message = Status.WARN, "throttled"
    return Judged(
        status=status,
        message=message,
        measured=f"{found.throttled} x, {'low' if found.sagging else 'ok'}",
        required="0 x, ok",
        values={"count": str(found.throttled)},
    )


CHECK = Check(
    id="host.throttle",
    owner=Owner.TECHNICIAN,
    profiles=VISIT,
    messages=("good", "throttled", "voltage"),
    sample=sample,
    judge=judge,
)
