"""No removable medium is plugged in (STD 7.4 c)."""

from __future__ import annotations

from agent.health.check import VISIT, Check
from agent.health.site import Site, Skip
from agent.model.finding import Judged, Owner, Profile, Status


def sample(site: Site, target: str | None) -> tuple[str, ...]:
    """Removable block devices that have a size, by sysfs. Skip `no-hardware` without block devices."""
    folders = sorted(site.path("/sys/block").glob("*"))
    if not folders:
        raise Skip("no-hardware", "/sys/block")
    found = []
    for folder in folders:
        base = f"/sys/block/{folder.name}"
        if site.text(f"{base}/removable") == "1" and (site.text(f"{base}/size") or "0") != "0":
            found.append(folder.name)
    return tuple(found)


def judge(names: tuple[str, ...]) -> Judged:
    """The agent never writes to one; somebody else may."""
    words = ", ".join(names) or "none"
    return Judged(
        status=Status.WARN if names else Status.PASS,
        message="plugged" if names else "good",
        measured=words,
        required="none",
        values={"names": words},
    )


CHECK = Check(
    id="sec.media",
    owner=Owner.TECHNICIAN,
    profiles=VISIT | {Profile.CONTINUOUS},
    messages=("good", "plugged"),
    sample=sample,
    judge=judge,
)
