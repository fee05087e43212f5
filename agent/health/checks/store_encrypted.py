"""The vault's disk is encrypted and is not a removable medium."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from agent.health.check import INSTALL, Check
from agent.health.site import Site, Skip
from agent.model.finding import Judged, Owner, Status
from agent.model.outgoing import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Disk:
    """What `lsblk` says of the device below the vault and of all that it lies on."""

    device: str
    encrypted: bool
    removable: bool


def sample(site: Site, target: str | None) -> Disk:
    """findmnt(8) and lsblk(8). Skip `no-program`, `no-hardware` (not on a block device)."""
    device = site.vault_device()
    told = site.program("lsblk", "--json", "--inverse", "-o", "NAME,TYPE,RM", device).text
    try:
        rows = list(_all(json.loads(told)["blockdevices"]))
    except (ValueError, KeyError, TypeError):
        raise Skip("no-hardware", device) from None
    return Disk(
        device=device,
        encrypted=any(row.get("type") == "crypt" for row in rows),
        removable=any(row.get("rm") in (True, "1") for row in rows),
    )


def _all(rows: list[Mapping[str, Json]]) -> list[Mapping[str, Json]]:
    found = list(rows)
    for row in rows:
        children = row.get("children")
        if isinstance(children, list):
            found += _all([child for child in children if isinstance(child, dict)])
    return found


def judge(found: Disk) -> Judged:
    """Segments are sealed without it; it protects keys, ledger and outbox on a stolen disk."""
    measured = f"{found.device}: {'LUKS' if found.encrypted else '-'}"
    if found.removable:
        return Judged(
            status=Status.FAIL,
            message="removable",
            measured=measured,
            required="fixed, LUKS",
            values={"device": found.device},
        )
    if not found.encrypted:
        return Judged(
            status=Status.WARN,
            message="clear",
            measured=measured,
            required="fixed, LUKS",
            values={"device": found.device},
        )
    return Judged(status=Status.PASS, message="good", measured=measured, required="fixed, LUKS")


CHECK = Check(
    id="store.encrypted",
    owner=Owner.HOSPITAL_IT,
    profiles=INSTALL,
    messages=("good", "clear", "removable"),
    sample=sample,
    judge=judge,
)
