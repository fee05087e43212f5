"""The kernel has not complained about disks, USB devices or the processor since it started."""

from __future__ import annotations

import re

from agent.health.check import VISIT, Check
from agent.health.site import Site, Skip
from agent.model.finding import Judged, Owner, Status

BAD = 5
_COMPLAINTS = re.compile(
    r"I/O error|USB disconnect|reset (high|super|full)[- ]?speed|machine check|Hardware Error|EXT4-fs error",
    re.IGNORECASE,
)


def sample(site: Site, target: str | None) -> int:
    """Lines of dmesg(1). Skip `no-program`, `no-privilege`."""
    told = site.program("dmesg")
    if told.code != 0:
        raise Skip("no-privilege")
    return sum(bool(_COMPLAINTS.search(line)) for line in told.text.splitlines())


def judge(count: int) -> Judged:
    """More than five fail (checks.md, host.kernel_log); a USB device that was unplugged is one, too."""
    status, message = Status.PASS, "good"
    if count > BAD:
        status, message = Status.FAIL, "many"
    elif count:
        status, message = Status.WARN, "some"
    return Judged(
        status=status, message=message, measured=str(count), required="0", values={"count": str(count)}
    )


CHECK = Check(
    id="host.kernel_log",
    owner=Owner.TECHNICIAN,
    profiles=VISIT,
    messages=("good", "some", "many"),
    sample=sample,
    judge=judge,
)
