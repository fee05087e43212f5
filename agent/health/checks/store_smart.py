"""The disk does not say that it is failing."""

from __future__ import annotations

import json

from agent.health.check import VISIT, Check
from agent.health.site import Site, Skip
from agent.model.finding import Judged, Owner, Status

WORN_PERCENT = 80


def sample(site: Site, target: str | None) -> tuple[bool, int | None]:
    """smartctl(8): (passed, wear in per cent or None). Skip `no-program`, `no-privilege`, `no-hardware`."""
    device = site.vault_device()
    told = site.program("smartctl", "--json", "--all", device)
    try:
        facts = json.loads(told.text)
    except ValueError:
        facts = None
    status = facts.get("smart_status") if isinstance(facts, dict) else None
    if not isinstance(facts, dict) or not isinstance(status, dict):
        # Bit 1 of the exit status: the device could not be opened (smartctl(8), EXIT STATUS).
        raise Skip("no-privilege" if told.code is not None and told.code & 2 else "no-hardware", device)
    health = facts.get("nvme_smart_health_information_log")
    used = health.get("percentage_used") if isinstance(health, dict) else None
    return bool(status.get("passed")), used if isinstance(used, int) else None


def judge(found: tuple[bool, int | None]) -> Judged:
    """A failing disk fails; more than 80 % of its life used up warns (checks.md, store.smart)."""
    passed, used = found
    wear = "-" if used is None else f"{used} %"
    status, message = Status.PASS, "good"
    if not passed:
        status, message = Status.FAIL, "failing"
    elif used is not None and used > WORN_PERCENT:
        status, message = Status.WARN, "worn"
    return Judged(
        status=status,
        message=message,
        measured=f"{'passed' if passed else 'FAILED'}, {wear}",
        required=f"passed, ≤ {WORN_PERCENT} %",
        values={"wear": wear},
    )


CHECK = Check(
    id="store.smart",
    owner=Owner.HOSPITAL_IT,
    profiles=VISIT,
    messages=("good", "worn", "failing"),
    sample=sample,
    judge=judge,
)
