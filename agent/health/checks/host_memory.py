"""Enough memory is free, and the kernel has not killed anything for want of it."""

from __future__ import annotations

from dataclasses import dataclass

from agent.health.check import EVERY, Check
from agent.health.site import Site, Skip
from agent.model.finding import Judged, Owner, Status

GOOD_PERCENT = 20
BAD_PERCENT = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """Of /proc/meminfo and /proc/vmstat: KiB, and how often the kernel killed a process since it booted."""

    total_kib: int
    available_kib: int
    kills: int


def sample(site: Site, target: str | None) -> Memory:
    """proc(5). Skip `no-hardware` where there is no /proc."""
    memory, events = _numbers(site, "/proc/meminfo"), _numbers(site, "/proc/vmstat")
    if "MemTotal" not in memory or "MemAvailable" not in memory:
        raise Skip("no-hardware", "/proc/meminfo")
    return Memory(
        total_kib=memory["MemTotal"],
        available_kib=memory["MemAvailable"],
        kills=events.get("oom_kill", 0),
    )


def _numbers(site: Site, path: str) -> dict[str, int]:
    rows = (line.split() for line in (site.text(path) or "").splitlines())
    return {row[0].rstrip(":"): int(row[1]) for row in rows if len(row) > 1 and row[1].isdigit()}


def judge(found: Memory) -> Judged:
    """A kill fails, less than 5 % free too; less than 20 % warns (checks.md, host.mem)."""
    percent = 100 * found.available_kib // max(1, found.total_kib)
    measured = f"{percent} % / {found.total_kib / 1024**2:.1f} GiB, {found.kills} kills"
    status, message = Status.PASS, "good"
    if found.kills:
        status, message = Status.FAIL, "killed"
    elif percent < BAD_PERCENT:
        status, message = Status.FAIL, "none-left"
    elif percent < GOOD_PERCENT:
        status, message = Status.WARN, "low"
    return Judged(
        status=status,
        message=message,
        measured=measured,
        required=f"≥ {GOOD_PERCENT} %, 0 kills",
        values={"percent": str(percent), "kills": str(found.kills)},
    )


CHECK = Check(
    id="host.mem",
    owner=Owner.HOSPITAL_IT,
    profiles=EVERY,
    messages=("good", "low", "none-left", "killed"),
    sample=sample,
    judge=judge,
)
