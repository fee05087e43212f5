"""The vault's disk takes durable writes several times as fast as the channels need."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass

from agent.health.check import VISIT, Check
from agent.health.checks.store_space import rate_bps
from agent.health.site import Site, Skip
from agent.model.finding import Judged, Owner, Status
from agent.model.times import NS_PER_S

GOOD_TIMES = 3.0
BAD_TIMES = 1.5
_PIECE = 1 << 20
_PIECES = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Speed:
    """Durable writes, and what all channels need, bit/s."""

    written_bps: float
    needed_bps: int


def sample(site: Site, target: str | None) -> Speed:
    """32 MiB in synced pieces of 1 MiB into a nameless file beside the vault: gone when it is closed.

    Skip `too-early` before the first start.
    """
    if not site.config.box.state_dir.is_dir():
        raise Skip("too-early")
    piece = os.urandom(_PIECE)
    with tempfile.TemporaryFile(dir=site.config.box.state_dir) as stream:
        began_ns = site.clock.mono_ns()
        for _ in range(_PIECES):
            os.write(stream.fileno(), piece)
            os.fdatasync(stream.fileno())
        took_ns = max(1, site.clock.mono_ns() - began_ns)
    return Speed(written_bps=_PIECES * _PIECE * 8 * NS_PER_S / took_ns, needed_bps=rate_bps(site))


def judge(found: Speed) -> Judged:
    """Three times the streams is good, less than 1.5 times fails (checks.md, store.write)."""
    times = found.written_bps / found.needed_bps
    status, message = Status.PASS, "good"
    if times < BAD_TIMES:
        status, message = Status.FAIL, "too-slow"
    elif times < GOOD_TIMES:
        status, message = Status.WARN, "slow"
    return Judged(
        status=status,
        message=message,
        measured=f"{found.written_bps / 1e6:.0f} Mbit/s, {times:.1f} x",
        required=f"≥ {GOOD_TIMES:g} x {found.needed_bps / 1e6:.1f} Mbit/s",
        values={"times": f"{times:.0f}" if times >= 10 else f"{times:.1f}"},
    )


CHECK = Check(
    id="store.write",
    owner=Owner.HOSPITAL_IT,
    profiles=VISIT,
    messages=("good", "slow", "too-slow"),
    sample=sample,
    judge=judge,
)
