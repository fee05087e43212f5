"""Pictures in the agent's memory reach no disk: no core dump, and nothing of it was swapped out (STD 7.2)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from agent.health.check import VISIT, Check
from agent.health.site import Site, Skip
from agent.model.finding import Judged, Owner, Status

_CORE = re.compile(r"^Max core file size\s+(\S+)\s+(\S+)", re.MULTILINE)
_SWAPPED = re.compile(r"^VmSwap:\s+(\d+) kB", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """Of the agent's processes: whether any may write a core, and what of them is swapped out, KiB."""

    cores: bool
    swapped_kib: int


def sample(site: Site, target: str | None) -> Memory:
    """proc_pid_limits(5), proc_pid_status(5). Skip `no-agent`, `no-privilege`."""
    pids = [site.running().get("pid"), *(row.get("pid") for row in site.rows("channels"))]
    cores, swapped = False, 0
    for pid in pids:
        if pid is None:
            continue
        limits, status = site.text(f"/proc/{pid}/limits"), site.text(f"/proc/{pid}/status")
        if limits is None or status is None:
            raise Skip("no-privilege")
        found, out = _CORE.search(limits), _SWAPPED.search(status)
        cores = cores or found is None or found[1] != "0"
        swapped += int(out[1]) if out else 0
    return Memory(cores=cores, swapped_kib=swapped)


def judge(found: Memory) -> Judged:
    """What is swapped out is on a disk already; a core would be one day."""
    status, message = Status.PASS, "good"
    if found.swapped_kib:
        status, message = Status.FAIL, "swapped"
    elif found.cores:
        status, message = Status.WARN, "cores"
    return Judged(
        status=status,
        message=message,
        measured=f"core {'on' if found.cores else 'off'}, {found.swapped_kib} KiB",
        required="core off, 0 KiB",
        values={"kib": str(found.swapped_kib)},
    )


CHECK = Check(
    id="sec.core",
    owner=Owner.HOSPITAL_IT,
    profiles=VISIT,
    messages=("good", "cores", "swapped"),
    sample=sample,
    judge=judge,
)
