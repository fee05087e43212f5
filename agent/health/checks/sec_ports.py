"""Nothing on this box listens to the network but what the site allows (STD 6.3).

DHCP and time clients use UDP ports, which are not looked at.
"""

from __future__ import annotations

from dataclasses import dataclass

from agent.health.check import VISIT, Check
from agent.health.site import Site, Skip
from agent.model.finding import Judged, Owner, Profile, Status

_LISTEN = "0A"  # TCP_LISTEN in net/tcp_states.h of Linux, as /proc/net/tcp writes it
_LOOPBACK = ("0100007F", "00000000000000000000000001000000", "0000000000000000FFFF00000100007F")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """TCP ports that listen on more than loopback, and those that may."""

    open: frozenset[int]
    allowed: frozenset[int]


def sample(site: Site, target: str | None) -> Ports:
    """Of proc_net_tcp, and `[checks] allowed_ports`. Skip `no-hardware` without /proc."""
    tables = [site.text(path) for path in ("/proc/net/tcp", "/proc/net/tcp6")]
    if tables[0] is None:
        raise Skip("no-hardware", "/proc/net/tcp")
    rows = (line.split() for table in tables if table for line in table.splitlines()[1:])
    ports = set()
    for row in rows:
        if len(row) > 3 and row[3] == _LISTEN:
            address, _, port = row[1].partition(":")
            # 127.0.0.0/8 as a little-endian word ends in 7F.
            if address not in _LOOPBACK and not (len(address) == 8 and address.endswith("7F")):
                ports.add(int(port, 16))
    return Ports(open=frozenset(ports), allowed=frozenset(site.settings.allowed_ports))


def judge(found: Ports) -> Judged:
    """Each further port is somebody's way in."""
    strange = sorted(found.open - found.allowed)
    words = ", ".join(map(str, strange)) or "-"
    return Judged(
        status=Status.FAIL if strange else Status.PASS,
        message="open" if strange else "good",
        measured=", ".join(map(str, sorted(found.open))) or "-",
        required=f"⊆ {', '.join(map(str, sorted(found.allowed))) or '-'}",
        values={"ports": words},
    )


CHECK = Check(
    id="sec.ports",
    owner=Owner.HOSPITAL_IT,
    profiles=VISIT | {Profile.CONTINUOUS},
    messages=("good", "open"),
    sample=sample,
    judge=judge,
)
