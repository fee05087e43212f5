"""The system's log outlives a restart."""

from __future__ import annotations

from agent.health.check import VISIT, Check
from agent.health.site import Site, Skip
from agent.model.finding import Judged, Owner, Status


def sample(site: Site, target: str | None) -> bool:
    """journald.conf(5), Storage=auto: persistent when the folder is there. Skip `no-program` without it."""
    if not site.path("/run/systemd/journal").is_dir():
        raise Skip("no-program", "systemd-journald")
    return site.path("/var/log/journal").is_dir()


def judge(persistent: bool) -> Judged:
    """Without it nobody can say afterwards why a box stopped."""
    return Judged(
        status=Status.PASS if persistent else Status.WARN,
        message="good" if persistent else "volatile",
        measured="persistent" if persistent else "volatile",
        required="persistent",
    )


CHECK = Check(
    id="svc.journal",
    owner=Owner.HOSPITAL_IT,
    profiles=VISIT,
    messages=("good", "volatile"),
    sample=sample,
    judge=judge,
)
