"""systemd runs the agent as shipped: active, with its watchdog, not started again all the time."""

from __future__ import annotations

from dataclasses import dataclass

from agent.health.check import VISIT, Check
from agent.health.site import Site, Skip
from agent.model.finding import Judged, Owner, Status

UNIT = "edgeward.service"
_PROPERTIES = "ActiveState,WatchdogUSec,NRestarts"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """Of `systemctl show`: `active` and so on, watchdog armed, restarts since it was started."""

    state: str
    watchdog: bool
    restarts: int


def sample(site: Site, target: str | None) -> Unit:
    """Skip `no-program`, `not-configured` where systemd does not know the unit."""
    told = site.program("systemctl", "show", UNIT, "--property", _PROPERTIES).text
    facts = dict(line.partition("=")[::2] for line in told.splitlines())
    if "ActiveState" not in facts:
        raise Skip("not-configured", UNIT)
    restarts = facts.get("NRestarts", "0")
    return Unit(
        state=facts["ActiveState"],
        watchdog=facts.get("WatchdogUSec", "0") not in ("0", "infinity", ""),
        restarts=int(restarts) if restarts.isdigit() else 0,
    )


def judge(found: Unit) -> Judged:
    """Not active fails; a restart or a missing watchdog is to be watched."""
    status, message = Status.PASS, "good"
    if found.state != "active":
        status, message = Status.FAIL, "not-running"
    elif not found.watchdog:
        status, message = Status.WARN, "no-watchdog"
    elif found.restarts:
        status, message = Status.WARN, "restarted"
    return Judged(
        status=status,
        message=message,
        measured=f"{found.state}, {found.restarts}",
        required="active, 0",
        values={"state": found.state, "restarts": str(found.restarts)},
    )


CHECK = Check(
    id="svc.unit",
    owner=Owner.TECHNICIAN,
    profiles=VISIT,
    messages=("good", "not-running", "no-watchdog", "restarted"),
    sample=sample,
    judge=judge,
)
