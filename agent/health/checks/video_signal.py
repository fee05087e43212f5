"""The running agent gets pictures from the channel and they become durable."""

from __future__ import annotations

from dataclasses import dataclass

from agent.health.check import VISIT, Check
from agent.health.site import Site
from agent.model.finding import Judged, Owner, Status

# A stream is cut and synced at least every half second; a camera that opens anew takes a few.
DURABLE_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """What the agent says: `present`, `absent` or `unknown`, and how old the last durable picture is, s."""

    word: str
    durable_age_s: float | None


def sample(site: Site, target: str | None) -> Signal:
    """Of the status file."""
    row = site.channel_status(target)
    age = row.get("last_durable_age_s")
    return Signal(
        word=str(row.get("signal")), durable_age_s=float(age) if isinstance(age, int | float) else None
    )


def judge(found: Signal) -> Judged:
    """Health is bytes durably recorded, not "connected"."""
    age = "-" if found.durable_age_s is None else f"{found.durable_age_s:.1f} s"
    status, message = Status.PASS, "good"
    if found.word != "present":
        status, message = Status.FAIL, "absent"
    elif found.durable_age_s is None or found.durable_age_s > DURABLE_S:
        status, message = Status.FAIL, "not-stored"
    return Judged(
        status=status,
        message=message,
        measured=f"{found.word}, {age}",
        required=f"present, ≤ {DURABLE_S:g} s",
        values={"age": age},
    )


CHECK = Check(
    id="vid.signal",
    owner=Owner.TECHNICIAN,
    profiles=VISIT,
    messages=("good", "absent", "not-stored"),
    sample=sample,
    judge=judge,
    per_channel=True,
    required=True,
)
