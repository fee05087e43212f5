"""No swap on a disk: pictures in memory must not reach one (STD 7.2). Core dumps: `sec.core`."""

from __future__ import annotations

from agent.health.check import EVERY, Check
from agent.health.site import Site, Skip
from agent.model.finding import Judged, Owner, Status


def sample(site: Site, target: str | None) -> tuple[str, ...]:
    """Names of swap areas, of proc(5). Skip `no-hardware` where there is no /proc."""
    swaps = site.text("/proc/swaps")
    if swaps is None:
        raise Skip("no-hardware", "/proc/swaps")
    return tuple(line.split()[0] for line in swaps.splitlines()[1:] if line.strip())


def judge(swaps: tuple[str, ...]) -> Judged:
    """The unit sets MemorySwapMax=0 for the agent; other programs' memory is theirs."""
    # Compressed swap in RAM never reaches a disk.
    on_disk = [name for name in swaps if not name.startswith("/dev/zram")]
    if on_disk:
        return Judged(
            status=Status.WARN,
            message="swap",
            measured=", ".join(on_disk),
            required="0",
            values={"areas": ", ".join(on_disk)},
        )
    return Judged(status=Status.PASS, message="good", measured="0", required="0")


CHECK = Check(
    id="host.swap",
    owner=Owner.HOSPITAL_IT,
    profiles=EVERY,
    messages=("good", "swap"),
    sample=sample,
    judge=judge,
)
