"""No swap and no core dumps: pictures in memory must not reach a disk (STD 7.2)."""

from __future__ import annotations

from dataclasses import dataclass

from agent.health.check import EVERY, Check
from agent.health.site import Site, Skip
from agent.model.finding import Judged, Owner, Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """Names of swap areas, and the kernel's `core_pattern`."""

    swaps: tuple[str, ...]
    core_pattern: str


def sample(site: Site, target: str | None) -> Memory:
    """proc(5), core(5). Skip `no-hardware` where there is no /proc."""
    swaps = site.text("/proc/swaps")
    if swaps is None:
        raise Skip("no-hardware", "/proc/swaps")
    return Memory(
        swaps=tuple(line.split()[0] for line in swaps.splitlines()[1:] if line.strip()),
        core_pattern=site.text("/proc/sys/kernel/core_pattern") or "",
    )


def judge(found: Memory) -> Judged:
    """The unit sets MemorySwapMax=0 and LimitCORE=0 for the agent; other programs' memory is theirs."""
    # Compressed swap in RAM never reaches a disk.
    on_disk = [name for name in found.swaps if not name.startswith("/dev/zram")]
    if on_disk:
        return Judged(
            status=Status.WARN,
            message="swap",
            measured=", ".join(on_disk),
            required="-",
            values={"areas": ", ".join(on_disk)},
        )
    return Judged(status=Status.PASS, message="good", measured="-", required="-")


CHECK = Check(
    id="host.swap",
    owner=Owner.HOSPITAL_IT,
    profiles=EVERY,
    messages=("good", "swap"),
    sample=sample,
    judge=judge,
)
