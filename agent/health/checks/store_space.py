"""How long the vault's disk lasts at the present rate of all channels."""

from __future__ import annotations

import os
from dataclasses import dataclass

from agent.health.check import EVERY, Check
from agent.health.site import Site, Skip
from agent.model.finding import Judged, Owner, Status

GOOD_H = 72
BAD_H = 12
# Where no agent runs yet: what a channel's specification allows at most, else this, bit/s.
_USUAL_BPS = 4_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Space:
    """Free for segments, bytes, and what all channels write, bit/s."""

    free_bytes: int
    rate_bps: int


def sample(site: Site, target: str | None) -> Space:
    """Measured rates where the agent runs. Skip `too-early` before the first start."""
    try:
        disk = os.statvfs(site.config.box.vault_dir)
    except FileNotFoundError:
        raise Skip("too-early") from None
    free = disk.f_bavail * disk.f_frsize - site.config.segments.keep_free_bytes
    return Space(free_bytes=max(0, free), rate_bps=rate_bps(site))


def rate_bps(site: Site) -> int:
    """What all channels write: as measured, else as their specification allows, bit/s."""
    rows = () if site.status is None else site.rows("channels")
    measured = {row.get("id"): row.get("bitrate_bps") for row in rows}
    total = 0
    for channel in site.config.channel:
        rate = measured.get(channel.id)
        total += rate if isinstance(rate, int) and rate > 0 else channel.spec.bitrate_max_bps or _USUAL_BPS
    return total


def judge(found: Space) -> Judged:
    """72 h and more is good, under 12 h fails (checks.md, store.space)."""
    hours = found.free_bytes * 8 / found.rate_bps / 3600
    status, message = Status.PASS, "good"
    if hours < BAD_H:
        status, message = Status.FAIL, "full"
    elif hours < GOOD_H:
        status, message = Status.WARN, "short"
    return Judged(
        status=status,
        message=message,
        measured=f"{hours:.0f} h ({found.free_bytes / 1e9:.1f} GB / {found.rate_bps / 1e6:.1f} Mbit/s)",
        required=f"≥ {GOOD_H} h",
        values={"hours": f"{hours:.0f}"},
    )


CHECK = Check(
    id="store.space",
    owner=Owner.HOSPITAL_IT,
    profiles=EVERY,
    messages=("good", "short", "full"),
    sample=sample,
    judge=judge,
    required=True,
)
