"""Packets of the usual size get through to the broker."""

from __future__ import annotations

from agent.health.check import VISIT, Check
from agent.health.site import Site, Skip
from agent.model.finding import Judged, Owner, Status

# Ethernet has 1500; a VPN takes some of it. Below 1400 something else is wrong (checks.md, net.mtu).
GOOD = 1400


def sample(site: Site, target: str | None) -> int:
    """Bytes, as far as the kernel knows the way. Skip `not-configured`, `no-answer`."""
    if site.config.mqtt is None:
        raise Skip("not-configured")
    mtu = site.probes.broker_door().path_mtu
    if mtu is None:
        raise Skip("no-answer", site.config.mqtt.host)
    return mtu


def judge(mtu: int) -> Judged:
    """Smaller ones cost speed, and point at a tunnel or a wrong setting."""
    good = mtu >= GOOD
    return Judged(
        status=Status.PASS if good else Status.WARN,
        message="good" if good else "small",
        measured=f"{mtu} B",
        required=f"≥ {GOOD} B",
        values={"mtu": str(mtu)},
    )


CHECK = Check(
    id="net.mtu",
    owner=Owner.HOSPITAL_IT,
    profiles=VISIT,
    messages=("good", "small"),
    sample=sample,
    judge=judge,
)
