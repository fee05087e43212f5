"""Pictures come as often as the collection spec asks for (STD 6.2)."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from agent.health.check import VISIT, Check
from agent.health.site import Site, Skip
from agent.model.finding import Judged, Owner, Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """Pictures per second, and how far they may be off as a part of the required rate."""

    measured: Fraction
    required: Fraction
    tolerance: Fraction


def sample(site: Site, target: str | None) -> Rate:
    """Of the running agent. Skip `no-agent`, `too-early` before the first measurement."""
    row, spec = site.channel_status(target), site.channel(target).spec.to_spec()
    text = row.get("rate")
    measured = Fraction(text) if isinstance(text, str) else Fraction(0)
    if not measured:
        raise Skip("too-early")
    return Rate(measured=measured, required=spec.rate, tolerance=spec.rate_tolerance)


def judge(found: Rate) -> Judged:
    """Within the spec's own tolerance."""
    off = abs(found.measured - found.required) / found.required
    good = off <= found.tolerance
    measured = f"{float(found.measured):.2f}/s"
    return Judged(
        status=Status.PASS if good else Status.FAIL,
        message="good" if good else "off",
        measured=measured,
        required=f"{float(found.required):.2f}/s ± {float(found.tolerance) * 100:g} %",
        values={"measured": measured},
    )


CHECK = Check(
    id="vid.fps",
    owner=Owner.BIOMEDICAL,
    profiles=VISIT,
    messages=("good", "off"),
    sample=sample,
    judge=judge,
    per_channel=True,
)
