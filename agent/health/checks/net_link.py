"""The network interfaces that are in use run at full speed and lose nothing."""

from __future__ import annotations

from dataclasses import dataclass

from agent.health.check import VISIT, Check
from agent.health.site import Site, Skip
from agent.model.finding import Judged, Owner, Profile, Status

GOOD_MBPS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Interface:
    """One wired interface that has a link: speed in Mbit/s (None: it does not say), duplex, CRC errors."""

    name: str
    mbps: int | None
    duplex: str
    crc_errors: int


def sample(site: Site, target: str | None) -> tuple[Interface, ...]:
    """sysfs-class-net. Skip `no-hardware` where no wired interface has a link."""
    found = []
    for folder in sorted(site.path("/sys/class/net").glob("*")):
        base = f"/sys/class/net/{folder.name}"
        # A device below it: hardware. Loopback, bridges and tunnels have none.
        if not (folder / "device").exists() or site.text(f"{base}/operstate") != "up":
            continue
        speed = site.text(f"{base}/speed") or ""
        errors = site.text(f"{base}/statistics/rx_crc_errors") or "0"
        found.append(
            Interface(
                name=folder.name,
                mbps=int(speed) if speed.isdigit() else None,
                duplex=site.text(f"{base}/duplex") or "unknown",
                crc_errors=int(errors) if errors.isdigit() else 0,
            )
        )
    if not found:
        raise Skip("no-hardware")
    return tuple(found)


def judge(found: tuple[Interface, ...]) -> Judged:
    """Half duplex or CRC errors point at the cable; less than 1 Gbit/s is to be watched."""
    words = ", ".join(
        one.name if one.mbps is None else f"{one.name} {one.mbps} Mbit/s {one.duplex}" for one in found
    )
    status, message = Status.PASS, "good"
    if any(one.duplex == "half" or one.crc_errors for one in found):
        status, message = Status.FAIL, "cable"
    elif any(one.mbps is not None and one.mbps < GOOD_MBPS for one in found):
        status, message = Status.WARN, "slow"
    return Judged(
        status=status,
        message=message,
        measured=words,
        required=f"≥ {GOOD_MBPS} Mbit/s full, 0 CRC",
        values={"links": words},
    )


CHECK = Check(
    id="net.link",
    owner=Owner.TECHNICIAN,
    profiles=VISIT | {Profile.CONTINUOUS},
    messages=("good", "slow", "cable"),
    sample=sample,
    judge=judge,
)
