"""Every channel has tickets of the key authority left."""

from __future__ import annotations

from agent.health.check import VISIT, Check
from agent.health.site import Site
from agent.model.finding import Judged, Owner, Profile, Status


def sample(site: Site, target: str | None) -> tuple[tuple[str, str, int], ...]:
    """Channel, `good`, `low` or `empty`, tickets left. Skip `not-configured` without an authority."""
    return site.probes.ticket_pools()


def judge(pools: tuple[tuple[str, str, int], ...]) -> Judged:
    """Recording goes on without a ticket, but it can't be shredded by destroying one."""
    words = ", ".join(f"{channel} {left}" for channel, _, left in pools)
    states = {state for _, state, _ in pools}
    status, message = Status.PASS, "good"
    if "empty" in states:
        status, message = Status.FAIL, "empty"
    elif "low" in states:
        status, message = Status.WARN, "low"
    return Judged(status=status, message=message, measured=words, required="> 20 %", values={"pools": words})


CHECK = Check(
    id="crypto.tickets",
    owner=Owner.HOSPITAL_IT,
    profiles=VISIT | {Profile.BOOT},
    messages=("good", "low", "empty"),
    sample=sample,
    judge=judge,
)
