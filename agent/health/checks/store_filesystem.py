"""The vault lies on a file system of this box that keeps what is written, also over a power cut."""

from __future__ import annotations

from dataclasses import dataclass

from agent.health.check import EVERY, Check
from agent.health.site import Site, Skip
from agent.model.finding import Judged, Owner, Profile, Status

# Their fsync is known to hold after a power cut (docs/formats/vault-v1.md); others were not looked at.
GOOD = ("ext4", "xfs", "btrfs", "zfs")
_IN_MEMORY = ("tmpfs", "ramfs", "overlay")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """Type and options of the file system that holds the vault."""

    kind: str
    options: frozenset[str]


def sample(site: Site, target: str | None) -> Mount:
    """proc_pid_mountinfo(5). Skip `no-hardware` without /proc."""
    vault = f"{site.config.box.vault_dir}/"
    best: tuple[int, Mount] | None = None
    for line in (site.text("/proc/self/mountinfo") or "").splitlines():
        before, _, after = line.partition(" - ")
        place, behind = before.split(), after.split()
        if len(place) < 6 or len(behind) < 3:
            continue
        point = place[4].replace("\\040", " ")
        if not vault.startswith(point.rstrip("/") + "/"):
            continue
        options = frozenset({*place[5].split(","), *behind[2].split(",")})
        # The longest mount point holds it; of two at one place, the later one lies on top.
        if best is None or len(point) >= best[0]:
            best = (len(point), Mount(kind=behind[0], options=options))
    if best is None:
        raise Skip("no-hardware", "/proc/self/mountinfo")
    return best[1]


def judge(found: Mount) -> Judged:
    """Read-only and memory fail: nothing is kept there. A kind that nobody tried warns."""
    status, message = Status.PASS, "good"
    if "ro" in found.options:
        status, message = Status.FAIL, "read-only"
    elif found.kind in _IN_MEMORY:
        status, message = Status.FAIL, "in-memory"
    elif found.kind not in GOOD:
        status, message = Status.WARN, "unknown"
    return Judged(
        status=status,
        message=message,
        measured=f"{found.kind}, {'ro' if 'ro' in found.options else 'rw'}",
        required=f"{' / '.join(GOOD)}, rw",
        values={"kind": found.kind},
    )


CHECK = Check(
    id="store.filesystem",
    owner=Owner.HOSPITAL_IT,
    profiles=EVERY - {Profile.CONTINUOUS},
    messages=("good", "unknown", "in-memory", "read-only"),
    sample=sample,
    judge=judge,
)
