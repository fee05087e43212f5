"""The processor has time left for the channels."""

from __future__ import annotations

from agent.health.check import VISIT, Check
from agent.health.site import Site, Skip
from agent.model.finding import Judged, Owner, Profile, Status

BUSY_PERCENT = 90
OVERLOADED_PERCENT = 150


def sample(site: Site, target: str | None) -> int:
    """Load of the last five minutes per processor, per cent, of proc_loadavg. Skip `no-hardware`."""
    load = (site.text("/proc/loadavg") or "").split()
    processors = (site.text("/proc/cpuinfo") or "").count("processor\t")
    if len(load) < 2 or not processors:
        raise Skip("no-hardware", "/proc/loadavg")
    return round(float(load[1]) * 100 / processors)


def judge(percent: int) -> Judged:
    """From 150 % on frames will be late."""
    status, message = Status.PASS, "good"
    if percent >= OVERLOADED_PERCENT:
        status, message = Status.FAIL, "overloaded"
    elif percent >= BUSY_PERCENT:
        status, message = Status.WARN, "busy"
    return Judged(
        status=status,
        message=message,
        measured=f"{percent} %",
        required=f"< {BUSY_PERCENT} %",
        values={"percent": str(percent)},
    )


CHECK = Check(
    id="host.load",
    owner=Owner.HOSPITAL_IT,
    profiles=VISIT | {Profile.CONTINUOUS},
    messages=("good", "busy", "overloaded"),
    sample=sample,
    judge=judge,
)
