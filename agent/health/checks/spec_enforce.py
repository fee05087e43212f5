"""This box's judge works: a made-up stream that keeps to the channel's spec passes, a wrong one is caught."""

from __future__ import annotations

from agent.health.check import VISIT, Check
from agent.health.site import Site
from agent.model.finding import Judged, Owner, Status


def sample(site: Site, target: str | None) -> tuple[bool, bool]:
    """(a good stream conforms, one of another size is caught)."""
    return site.probes.enforces(str(target))


def judge(found: tuple[bool, bool]) -> Judged:
    """A verdict means something only when both are so."""
    passed, caught = found
    status, message = Status.PASS, "good"
    if not caught:
        status, message = Status.FAIL, "blind"
    elif not passed:
        status, message = Status.WARN, "strict"
    return Judged(
        status=status,
        message=message,
        measured=f"{'conforming' if passed else 'NOT'}, {'caught' if caught else 'MISSED'}",
        required="conforming, caught",
    )


CHECK = Check(
    id="spec.enforce",
    owner=Owner.MAKER,
    profiles=VISIT,
    messages=("good", "blind", "strict"),
    sample=sample,
    judge=judge,
    per_channel=True,
)
