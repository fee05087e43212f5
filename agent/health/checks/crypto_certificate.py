"""The certificate with which the broker knows this box is valid, ours, and will be for a while."""

from __future__ import annotations

from dataclasses import dataclass

from agent.health.check import VISIT, Check
from agent.health.checks.host_time import plausible_ns
from agent.health.probed import CertificateSeen
from agent.health.site import Site
from agent.model.finding import Judged, Owner, Status
from agent.model.times import NS_PER_S, rfc3339

GOOD_DAYS = 30
BAD_DAYS = 7
_DAY_NS = 86_400 * NS_PER_S


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """The files, the name that must be in them, and the time, ns."""

    seen: CertificateSeen
    box: str
    wall_ns: int


def sample(site: Site, target: str | None) -> Sample:
    """Skip `clock`, `not-configured` without a certificate, `no-privilege` when it can't be read."""
    return Sample(seen=site.probes.certificate(), box=site.config.box.id, wall_ns=plausible_ns(site))


def judge(found: Sample) -> Judged:
    """Under 30 days warns, under 7 fails (checks.md, crypto.cert)."""
    seen = found.seen
    if seen.not_before_ns is None or seen.not_after_ns is None:
        return _judged(Status.FAIL, "unreadable", "-", {"problem": seen.problem or "-"})
    days = (seen.not_after_ns - found.wall_ns) // _DAY_NS
    measured = f"{seen.name or '-'}, {rfc3339(seen.not_after_ns)[:10]} ({days} d)"
    values = {
        "name": seen.name or "-",
        "box": found.box,
        "days": str(days),
        "end": rfc3339(seen.not_after_ns)[:10],
    }
    if seen.key_exposed:
        return _judged(Status.FAIL, "exposed", measured, values)
    if seen.name != found.box:
        return _judged(Status.FAIL, "name", measured, values)
    if found.wall_ns < seen.not_before_ns:
        return _judged(Status.FAIL, "early", measured, values)
    if days < BAD_DAYS:
        return _judged(Status.FAIL, "expired" if days < 0 else "ending", measured, values)
    return _judged(
        Status.WARN if days < GOOD_DAYS else Status.PASS,
        "ageing" if days < GOOD_DAYS else "good",
        measured,
        values,
    )


def _judged(status: Status, message: str, measured: str, values: dict[str, str]) -> Judged:
    return Judged(
        status=status, message=message, measured=measured, required=f"≥ {GOOD_DAYS} d", values=values
    )


CHECK = Check(
    id="crypto.certificate",
    owner=Owner.HOSPITAL_IT,
    profiles=VISIT,
    messages=("good", "ageing", "ending", "expired", "early", "name", "exposed", "unreadable"),
    sample=sample,
    judge=judge,
)
