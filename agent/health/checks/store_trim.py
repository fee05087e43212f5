"""A solid-state disk is told what is free, else writing becomes slow after months and deleted data stays."""

from __future__ import annotations

from agent.health.check import INSTALL, Check
from agent.health.site import Site, Skip
from agent.model.finding import Judged, Owner, Profile, Status

_TIMER = "fstrim.timer"


def sample(site: Site, target: str | None) -> bool:
    """Whether fstrim's timer is on, or the mount discards. Skip `no-program`, `no-hardware`."""
    vault = str(site.config.box.vault_dir)
    told = site.program("findmnt", "-no", "OPTIONS", "--target", vault).text
    largest = site.program("lsblk", "-bdno", "DISC-MAX", site.vault_device()).text.split()
    if not largest or largest[0] in ("0", "0B"):
        raise Skip("no-hardware", "discard")
    if "discard" in told.strip().split(","):
        return True
    return site.program("systemctl", "is-enabled", _TIMER).text.strip() == "enabled"


def judge(trimmed: bool) -> Judged:
    """What was destroyed should not stay in the cells either (STD 7.7 c)."""
    return Judged(
        status=Status.PASS if trimmed else Status.WARN,
        message="good" if trimmed else "never",
        measured="on" if trimmed else "off",
        required="on",
    )


CHECK = Check(
    id="store.trim",
    owner=Owner.HOSPITAL_IT,
    profiles=INSTALL | {Profile.DAILY},
    messages=("good", "never"),
    sample=sample,
    judge=judge,
)
