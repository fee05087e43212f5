"""Nothing on this box listens to the network but what the site allows (STD 6.3)."""

from __future__ import annotations

from agent.health.check import VISIT, Check
from agent.health.site import Site, Skip
from agent.model.finding import Judged, Owner, Profile, Status

# ssh for the hospital's IT; DHCP and time clients use UDP ports of their own that are not listed here.
ALLOWED_TCP = frozenset({22})
_LISTEN = "0A"  # TCP_LISTEN in net/tcp_states.h of Linux, as /proc/net/tcp writes it
_LOOPBACK = ("0100007F", "00000000000000000000000001000000", "0000000000000000FFFF00000100007F")


def sample(site: Site, target: str | None) -> frozenset[int]:
    """TCP ports that listen on more than loopback, of proc_net_tcp. Skip `no-hardware` without /proc."""
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
    return frozenset(ports)


def judge(ports: frozenset[int]) -> Judged:
    """Each further port is somebody's way in."""
    strange = sorted(ports - ALLOWED_TCP)
    words = ", ".join(map(str, strange)) or "-"
    return Judged(
        status=Status.FAIL if strange else Status.PASS,
        message="open" if strange else "good",
        measured=", ".join(map(str, sorted(ports))) or "-",
        required=f"⊆ {', '.join(map(str, sorted(ALLOWED_TCP)))}",
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
