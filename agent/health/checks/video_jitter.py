"""Pictures come evenly: motion in the recording is as it was (STD 6.2)."""

from __future__ import annotations

from dataclasses import dataclass

from agent.health.check import VISIT, Check
from agent.health.site import Site, Skip
from agent.model.finding import Judged, Owner, Status

GOOD_TIMES = 1.5
BAD_TIMES = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Jitter:
    """How late or early 99 of 100 pictures come at most, and the time between two, ms."""

    p99_ms: float
    period_ms: float


def sample(site: Site, target: str | None) -> Jitter:
    """Of the running agent. Skip `no-agent`, `too-early` before the first measurement."""
    found = site.channel_status(target).get("jitter_p99_ms")
    if not isinstance(found, int | float):
        raise Skip("too-early")
    rate = site.channel(target).spec.to_spec().rate
    return Jitter(p99_ms=float(found), period_ms=float(1000 / rate))


def judge(found: Jitter) -> Judged:
    """Up to 1.5 periods is good (checks.md, vid.jitter)."""
    times = found.p99_ms / found.period_ms
    status, message = Status.PASS, "good"
    if times > BAD_TIMES:
        status, message = Status.FAIL, "jerky"
    elif times > GOOD_TIMES:
        status, message = Status.WARN, "uneven"
    measured = f"{found.p99_ms:.0f} ms"
    return Judged(
        status=status,
        message=message,
        measured=measured,
        required=f"≤ {GOOD_TIMES * found.period_ms:.0f} ms",
        values={"measured": measured},
    )


CHECK = Check(
    id="vid.jitter",
    owner=Owner.HOSPITAL_IT,
    profiles=VISIT,
    messages=("good", "uneven", "jerky"),
    sample=sample,
    judge=judge,
    per_channel=True,
)
