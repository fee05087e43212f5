"""There is one way out of this box, and it is not over a capture network."""

from __future__ import annotations

from agent.health.check import VISIT, Check
from agent.health.site import Site, Skip
from agent.model.finding import Judged, Owner, Status

_DEFAULT = "00000000"


def sample(site: Site, target: str | None) -> tuple[str, ...]:
    """Interfaces with a default route, of proc_net_route. Skip `no-hardware` without /proc."""
    table = site.text("/proc/net/route")
    if table is None:
        raise Skip("no-hardware", "/proc/net/route")
    rows = (line.split() for line in table.splitlines()[1:])
    return tuple(sorted({row[0] for row in rows if len(row) > 7 and row[1] == row[7] == _DEFAULT}))


def judge(interfaces: tuple[str, ...]) -> Judged:
    """Two ways out join two networks that the hospital keeps apart (STD 6.3)."""
    words = ", ".join(interfaces) or "-"
    status, message = Status.PASS, "good"
    if not interfaces:
        status, message = Status.WARN, "none"
    elif len(interfaces) > 1:
        status, message = Status.WARN, "several"
    return Judged(status=status, message=message, measured=words, required="1", values={"interfaces": words})


CHECK = Check(
    id="net.route",
    owner=Owner.HOSPITAL_IT,
    profiles=VISIT,
    messages=("good", "none", "several"),
    sample=sample,
    judge=judge,
)
