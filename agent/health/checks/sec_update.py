"""The system below the agent gets its updates, and runs what was installed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from agent.health.check import VISIT, Check
from agent.health.checks.host_time import plausible_ns
from agent.health.checks.host_version import booted_s
from agent.health.site import Site, Skip
from agent.model.finding import Judged, Owner, Status
from agent.model.times import NS_PER_S

# Debian makes a point release every two months; three of them missed is neglect. A rule of thumb.
OLD_DAYS = 180
_DAY_S = 86_400
_PACKAGES = "/var/lib/dpkg/status"
# Left by packages that want a restart of the machine (Debian policy of unattended-upgrades).
_WISH = "/run/reboot-required"


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """Days since any package was changed; whether a new kernel or library waits for a restart."""

    days: int
    restart: bool


def sample(site: Site, target: str | None) -> System:
    """By the times of files. Skip `clock`, `no-program` on a system without dpkg(1)."""
    changed_s = _changed_s(site.path(_PACKAGES))
    if changed_s is None:
        raise Skip("no-program", "dpkg")
    kernels = [_changed_s(path) or 0.0 for path in site.path("/boot").glob("vmlinuz-*")]
    started_s = booted_s(site)
    newer = started_s is not None and max(kernels, default=0.0) > started_s
    return System(
        days=int((plausible_ns(site) / NS_PER_S - changed_s) // _DAY_S),
        restart=newer or site.path(_WISH).exists(),
    )


def _changed_s(path: Path) -> float | None:
    try:
        return path.stat().st_mtime
    except OSError:
        return None


def judge(found: System) -> Judged:
    """A box without a way to the internet gets them by a medium of hospital IT."""
    status, message = Status.PASS, "good"
    if found.restart:
        status, message = Status.WARN, "restart"
    elif found.days > OLD_DAYS:
        status, message = Status.WARN, "old"
    return Judged(
        status=status,
        message=message,
        measured=f"{found.days} d{', restart' if found.restart else ''}",
        required=f"≤ {OLD_DAYS} d",
        values={"days": str(found.days)},
    )


CHECK = Check(
    id="sec.update",
    owner=Owner.HOSPITAL_IT,
    profiles=VISIT,
    messages=("good", "restart", "old"),
    sample=sample,
    judge=judge,
)
