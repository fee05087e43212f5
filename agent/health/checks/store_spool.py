"""What the box has to tell gets away: no message waits for long, none was refused by the broker."""

from __future__ import annotations

from agent.health.check import VISIT, Check
from agent.health.probed import Waiting
from agent.health.site import Site
from agent.model.finding import Judged, Owner, Status

LATE_S = 3600
FULL_PERCENT = 80


def sample(site: Site, target: str | None) -> Waiting:
    """Of the outbox, read only. Skip `not-configured` without a broker, `too-early`, `no-privilege`."""
    return site.probes.waiting()


def judge(found: Waiting) -> Judged:
    """From an hour on it is late; from 80 % on the oldest will soon be thrown away."""
    percent = 100 * found.bytes // max(1, found.most_bytes)
    age_s = found.oldest_age_s or 0.0
    status, message = Status.PASS, "good"
    if percent >= FULL_PERCENT:
        status, message = Status.FAIL, "full"
    elif found.refused:
        status, message = Status.WARN, "refused"
    elif age_s > LATE_S:
        status, message = Status.WARN, "late"
    hours = f"{age_s / 3600:.1f}"
    return Judged(
        status=status,
        message=message,
        measured=f"{found.rows}, {hours} h, {percent} %, {found.refused}",
        required=f"≤ {LATE_S // 3600} h, < {FULL_PERCENT} %, 0",
        values={
            "rows": str(found.rows),
            "hours": hours,
            "percent": str(percent),
            "refused": str(found.refused),
        },
    )


CHECK = Check(
    id="store.spool",
    owner=Owner.HOSPITAL_IT,
    profiles=VISIT,
    messages=("good", "late", "refused", "full"),
    sample=sample,
    judge=judge,
)
