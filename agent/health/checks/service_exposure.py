"""The service's sandbox is as tight as it was shipped."""

from __future__ import annotations

import re

from agent.health.check import INSTALL, Check
from agent.health.checks.service_unit import UNIT
from agent.health.site import Site, Skip
from agent.model.finding import Judged, Owner, Status

# Tenths, of `systemd-analyze security`: the shipped unit has less than 2.0 on systemd 252.
GOOD = 25
BAD = 50
_LEVEL = re.compile(r"Overall exposure level.*?: (\d+)\.(\d)")


def sample(site: Site, target: str | None) -> int:
    """Exposure in tenths. Skip `no-program`, `not-configured` where systemd does not know the unit."""
    told = site.program("systemd-analyze", "security", "--no-pager", UNIT)
    found = _LEVEL.search(told.text)
    if found is None:
        raise Skip("not-configured", UNIT)
    return int(found.group(1)) * 10 + int(found.group(2))


def judge(tenths: int) -> Judged:
    """Above 2.5 warns, above 5 fails (checks.md, svc.unit)."""
    level = f"{tenths / 10:.1f}"
    status, message = Status.PASS, "good"
    if tenths > BAD:
        status, message = Status.FAIL, "open"
    elif tenths > GOOD:
        status, message = Status.WARN, "loose"
    return Judged(
        status=status,
        message=message,
        measured=level,
        required=f"≤ {GOOD / 10:g}",
        values={"level": level},
    )


CHECK = Check(
    id="svc.exposure",
    owner=Owner.HOSPITAL_IT,
    profiles=INSTALL,
    messages=("good", "loose", "open"),
    sample=sample,
    judge=judge,
)
