"""The vault at its place is the one that this box knows: its disk is mounted."""

from __future__ import annotations

import json

from agent.health.check import EVERY, Check
from agent.health.site import Site, Skip
from agent.model.finding import Judged, Owner, Status


def sample(site: Site, target: str | None) -> tuple[str, str | None]:
    """The id that the box remembers, and the one in the vault (None: there is none). Skip `too-early`."""
    box = site.config.box
    try:
        known = (box.state_dir / "vault-id").read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        raise Skip("too-early") from None
    except PermissionError:
        raise Skip("no-privilege") from None
    try:
        found = json.loads((box.vault_dir / "vault.json").read_text(encoding="utf-8"))["id"]
    except FileNotFoundError:
        return known, None
    except (ValueError, KeyError, TypeError):
        return known, "-"
    return known, str(found)


def judge(ids: tuple[str, str | None]) -> Judged:
    """docs/formats/vault-v1.md, `vault.json`."""
    known, found = ids
    status, message = Status.PASS, "good"
    if found is None:
        status, message = Status.FAIL, "missing"
    elif found != known:
        status, message = Status.FAIL, "foreign"
    return Judged(status=status, message=message, measured=found or "none", required=known)


CHECK = Check(
    id="store.vault",
    owner=Owner.HOSPITAL_IT,
    profiles=EVERY,
    messages=("good", "missing", "foreign"),
    sample=sample,
    judge=judge,
    required=True,
)
