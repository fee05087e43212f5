"""What runs is what is installed: no restart and no reload of the unit is overdue after an update."""

from __future__ import annotations

import os
from dataclasses import dataclass

from agent.health.check import VISIT, Check
from agent.health.checks.service_unit import UNIT
from agent.health.site import Site, Skip
from agent.model.finding import Judged, Owner, Status
from agent.model.times import NS_PER_S, rfc3339

# Field 22 of proc_pid_stat(5), counted behind the name in brackets, which may hold blanks.
_START_FIELD = 19


@dataclass(frozen=True, slots=True, kw_only=True)
class Versions:
    """When the agent was started and when its program was installed, seconds since 1970; unit changed."""

    started_s: float
    installed_s: float
    unit_changed: bool


def booted_s(site: Site) -> int | None:
    """When the machine was started, seconds since 1970, of proc_stat; None when it does not say."""
    lines = (site.text("/proc/stat") or "").splitlines()
    return next((int(line.split()[1]) for line in lines if line[:6] == "btime "), None)


def sample(site: Site, target: str | None) -> Versions:
    """Skip `no-agent`, `no-hardware` without /proc."""
    pid = site.running().get("pid")
    stat = (site.text(f"/proc/{pid}/stat") or "").rpartition(")")[2].split()
    started_s = booted_s(site)
    if len(stat) <= _START_FIELD or started_s is None:
        raise Skip("no-hardware", "/proc")
    told = site.run(("systemctl", "show", UNIT, "--property", "NeedDaemonReload"))
    return Versions(
        started_s=started_s + int(stat[_START_FIELD]) / os.sysconf("SC_CLK_TCK"),
        installed_s=site.installed_s,
        unit_changed=told is not None and "NeedDaemonReload=yes" in told.text,
    )


def judge(found: Versions) -> Judged:
    """Old code goes on until it is started again."""
    status, message = Status.PASS, "good"
    if found.installed_s > found.started_s:
        status, message = Status.WARN, "restart"
    elif found.unit_changed:
        status, message = Status.WARN, "reload"
    started, installed = (
        rfc3339(round(moment * NS_PER_S))[:16].replace("T", " ")
        for moment in (found.started_s, found.installed_s)
    )
    return Judged(
        status=status,
        message=message,
        measured=started,
        required=f"≥ {installed}",
        values={"started": started, "installed": installed},
    )


CHECK = Check(
    id="host.version",
    owner=Owner.TECHNICIAN,
    profiles=VISIT,
    messages=("good", "restart", "reload"),
    sample=sample,
    judge=judge,
)
