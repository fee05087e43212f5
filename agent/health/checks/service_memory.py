"""The agent's processes stay small: none of them leaks."""

from __future__ import annotations

from agent.health.check import VISIT, Check
from agent.health.site import Site, Skip
from agent.model.finding import Judged, Owner, Profile, Status

# docs/benchmarks.md: keeper 40 MiB, a channel 10 to 28 MiB of PSS; RSS counts shared pages again.
GOOD_MIB = 150
BAD_MIB = 400


def sample(site: Site, target: str | None) -> int:
    """The largest resident set of keeper and channels, MiB. Skip `no-agent`, `no-privilege`."""
    numbers = [site.running().get("pid"), *(row.get("pid") for row in site.rows("channels"))]
    found = (_resident_kib(site, pid) for pid in numbers if isinstance(pid, int))
    sizes = [size for size in found if size is not None]
    if not sizes:
        raise Skip("no-privilege")
    return max(sizes) // 1024


def _resident_kib(site: Site, pid: int) -> int | None:
    lines = (site.text(f"/proc/{pid}/status") or "").splitlines()
    found = next((line.split() for line in lines if line.startswith("VmRSS:")), None)
    return int(found[1]) if found and found[1].isdigit() else None


def judge(mib: int) -> Judged:
    """Far above what was measured is a leak."""
    status, message = Status.PASS, "good"
    if mib > BAD_MIB:
        status, message = Status.FAIL, "leaks"
    elif mib > GOOD_MIB:
        status, message = Status.WARN, "large"
    return Judged(
        status=status,
        message=message,
        measured=f"{mib} MiB",
        required=f"≤ {GOOD_MIB} MiB",
        values={"mib": str(mib)},
    )


CHECK = Check(
    id="svc.memory",
    owner=Owner.MAKER,
    profiles=VISIT | {Profile.CONTINUOUS},
    messages=("good", "large", "leaks"),
    sample=sample,
    judge=judge,
)
