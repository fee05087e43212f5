"""The clock on the main board agrees with the system's: after a power cut the time is still right."""

from __future__ import annotations

from dataclasses import dataclass

from agent.health.check import VISIT, Check
from agent.health.checks.host_time import plausible_ns
from agent.health.site import Site, Skip
from agent.model.finding import Judged, Owner, Status
from agent.model.times import NS_PER_S

# It tells whole seconds, and the kernel sets it every 11 minutes while the clock is synchronised.
GOOD_S = 5
BAD_S = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Clocks:
    """Both, seconds since 1970."""

    board_s: int
    system_s: int


def sample(site: Site, target: str | None) -> Clocks:
    """sysfs-class-rtc. Skip `clock`, `no-hardware` where there is none (some small boards)."""
    told = site.text("/sys/class/rtc/rtc0/since_epoch") or ""
    if not told.isdigit():
        raise Skip("no-hardware", "rtc0")
    return Clocks(board_s=int(told), system_s=plausible_ns(site) // NS_PER_S)


def judge(found: Clocks) -> Judged:
    """An hour off: its battery is empty, or somebody set it."""
    off_s = found.board_s - found.system_s
    off = f"{off_s:+d} s" if abs(off_s) <= BAD_S else f"{off_s / 3600:+.1f} h"
    status, message = Status.PASS, "good"
    if abs(off_s) > BAD_S:
        status, message = Status.FAIL, "lost"
    elif abs(off_s) > GOOD_S:
        status, message = Status.WARN, "drifts"
    return Judged(
        status=status,
        message=message,
        measured=off,
        required=f"± {GOOD_S} s",
        values={"off": off},
    )


CHECK = Check(
    id="host.rtc",
    owner=Owner.TECHNICIAN,
    profiles=VISIT,
    messages=("good", "drifts", "lost"),
    sample=sample,
    judge=judge,
)
