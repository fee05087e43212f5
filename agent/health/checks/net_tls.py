"""The broker shows a certificate that this box trusts, and it will stay valid for a while."""

from __future__ import annotations

from dataclasses import dataclass

from agent.health.check import VISIT, Check
from agent.health.checks.host_time import plausible_ns
from agent.health.probed import BrokerDoor
from agent.health.site import Site, Skip
from agent.model.finding import Judged, Owner, Status
from agent.model.times import NS_PER_S, rfc3339

GOOD_DAYS = 14
_DAY_NS = 86_400 * NS_PER_S


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What the door said, and the time, ns."""

    door: BrokerDoor
    wall_ns: int


def sample(site: Site, target: str | None) -> Sample:
    """Skip `clock`, `not-configured` without a broker or without TLS, `no-answer` (net.broker says why)."""
    if site.config.mqtt is None or not site.config.mqtt.tls:
        raise Skip("not-configured")
    door = site.probes.broker_door()
    if door.word == "no-answer":
        raise Skip("no-answer", site.config.mqtt.host)
    return Sample(door=door, wall_ns=plausible_ns(site))


def judge(found: Sample) -> Judged:
    """Not trusted fails; less than 14 days warns: the hospital's IT needs time to renew it."""
    door = found.door
    if door.word != "open" or door.not_after_ns is None:
        message = "untrusted" if door.word == "untrusted" else "no-tls"
        return Judged(
            status=Status.FAIL,
            message=message,
            measured=door.detail or door.word,
            required=f"TLS, ≥ {GOOD_DAYS} d",
            values={"detail": door.detail or door.word},
        )
    days = (door.not_after_ns - found.wall_ns) // _DAY_NS
    good = days >= GOOD_DAYS
    return Judged(
        status=Status.PASS if good else Status.WARN,
        message="good" if good else "ending",
        measured=f"{rfc3339(door.not_after_ns)[:10]} ({days} d)",
        required=f"TLS, ≥ {GOOD_DAYS} d",
        values={"days": str(days)},
    )


CHECK = Check(
    id="net.tls",
    owner=Owner.HOSPITAL_IT,
    profiles=VISIT,
    messages=("good", "ending", "untrusted", "no-tls"),
    sample=sample,
    judge=judge,
)
