"""The vault's file system has room for more files, not only for more bytes."""

from __future__ import annotations

import os

from agent.health.check import EVERY, Check
from agent.health.site import Site, Skip
from agent.model.finding import Judged, Owner, Status

GOOD_PERCENT = 10
BAD_PERCENT = 2


def sample(site: Site, target: str | None) -> int | None:
    """Free inodes, per cent; None where the file system has no fixed number. Skip `too-early`."""
    try:
        disk = os.statvfs(site.config.box.vault_dir)
    except FileNotFoundError:
        raise Skip("too-early") from None
    return None if disk.f_files == 0 else 100 * disk.f_favail // disk.f_files


def judge(percent: int | None) -> Judged:
    """Each segment is a file."""
    free = 100 if percent is None else percent
    status, message = Status.PASS, "good"
    if free < BAD_PERCENT:
        status, message = Status.FAIL, "none-left"
    elif free < GOOD_PERCENT:
        status, message = Status.WARN, "few"
    return Judged(
        status=status,
        message=message,
        measured=f"{free} %",
        required=f"≥ {GOOD_PERCENT} %",
        values={"percent": str(free)},
    )


CHECK = Check(
    id="store.inodes",
    owner=Owner.HOSPITAL_IT,
    profiles=EVERY,
    messages=("good", "few", "none-left"),
    sample=sample,
    judge=judge,
)
