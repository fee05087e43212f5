"""The clock is synchronised and near the site's time. Times in recordings and in the ledger hang on it."""

from __future__ import annotations

from agent.health.check import EVERY, Check
from agent.health.site import Site, Skip
from agent.model.finding import Judged, Owner, Status
from agent.model.times import ClockQuality

# Nothing of ours was built before this: a clock that says so has lost its battery. 2026-01-01, ns.
BUILT_NS = 1_767_225_600_000_000_000


def plausible_ns(site: Site) -> int:
    """The wall clock, for checks that compare with it. Skip `clock` when it can't be right."""
    wall_ns = site.clock.now().wall_ns
    if wall_ns < BUILT_NS:
        raise Skip("clock", "host.time")
    return wall_ns


def sample(site: Site, target: str | None) -> tuple[int, ClockQuality]:
    """Wall clock in ns, and what the kernel says of it."""
    now = site.clock.now()
    return now.wall_ns, now.quality


def judge(found: tuple[int, ClockQuality]) -> Judged:
    """Before the build date fails; not synchronised warns."""
    wall_ns, quality = found
    if wall_ns < BUILT_NS:
        return Judged(status=Status.FAIL, message="impossible", measured=quality.value, required="synced")
    if quality is not ClockQuality.SYNCED:
        return Judged(status=Status.WARN, message="unsynced", measured=quality.value, required="synced")
    return Judged(status=Status.PASS, message="good", measured=quality.value, required="synced")


CHECK = Check(
    id="host.time",
    owner=Owner.HOSPITAL_IT,
    profiles=EVERY,
    messages=("good", "unsynced", "impossible"),
    sample=sample,
    judge=judge,
    required=True,
)
