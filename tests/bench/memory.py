"""How much memory the agent takes at 1, 8 and 24 channels, all on the same real RTSP stream.

Guarantees: PSS of every process of the agent, read while all channels record, after a settling time; the
cost of a further channel is the growth of the whole agent between the smallest and the largest count,
so pages that move from one process's share to another's count once.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from tests.bench.contenders import agent
from tests.bench.processes import memory

COUNTS = (1, 8, 24)


@dataclass(frozen=True, slots=True, kw_only=True)
class Footprint:
    """Bytes of PSS with `channels` channels."""

    channels: int
    keeper: int
    zygote: int
    each: tuple[int, ...]

    @property
    def total(self) -> int:
        """The whole agent."""
        return self.keeper + self.zygote + sum(self.each)


def footprint(url: str, folder: Path, size: tuple[int, int], channels: int, settle_s: float) -> Footprint:
    """The agent with so many channels, `settle_s` seconds after the last of them has recorded a frame."""
    with agent(url, folder, size, channels) as (_box, keeper, zygote, pids):
        time.sleep(settle_s)
        return Footprint(
            channels=channels,
            keeper=memory(keeper).pss,
            zygote=memory(zygote).pss,
            each=tuple(memory(pid).pss for pid in pids),
        )


def per_further_channel(footprints: list[Footprint]) -> float:
    """Bytes of PSS that one channel more costs."""
    first, last = footprints[0], footprints[-1]
    return (last.total - first.total) / (last.channels - first.channels)
