"""What the kernel knows of a process: processor time and memory.

Guarantees: processor time is user + system of all threads, those that ended included, in nanoseconds from
the process's own clock (`clock_getcpuclockid(3)`); `/proc/PID/stat` has the same sum in steps of 10 ms,
which would be 2 % of a minute here. PSS counts a page shared by n processes as 1/n.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

_NS_PER_S = 1_000_000_000
_CPUCLOCK_SCHED = 2


def cpu_seconds(pid: int) -> float:
    """User and system time of the process so far."""
    # The clock's number for another process, as clock_getcpuclockid(3) builds it.
    return time.clock_gettime_ns((~pid << 3) | _CPUCLOCK_SCHED) / _NS_PER_S


@dataclass(frozen=True, slots=True)
class Memory:
    """In bytes. `private` is what would be free if only this process ended."""

    pss: int
    rss: int
    private: int


def memory(pid: int) -> Memory:
    """From `/proc/PID/smaps_rollup`."""
    found: dict[str, int] = {}
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
        name, value = line.split()[:2]
        found[name.rstrip(":")] = int(value) * 1024
    return Memory(found["Pss"], found["Rss"], found["Private_Clean"] + found["Private_Dirty"])


def children(pid: int) -> list[int]:
    """Pids of the direct children, oldest first."""
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(word) for word in text.split()]


def state(pid: int) -> str:
    """One letter: R, S, D, Z (a zombie) and so on."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def descriptors(pid: int) -> int:
    """How many file descriptors the process has open."""
    return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())
