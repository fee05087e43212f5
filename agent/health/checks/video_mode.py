"""The picture has the size that the collection spec asks for (STD 6.2)."""

from __future__ import annotations

from dataclasses import dataclass

from agent.health.check import VISIT, Check
from agent.health.site import Site, Skip
from agent.model.finding import Judged, Owner, Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Mode:
    """Width and height, measured and required, pixels."""

    measured: tuple[int, int]
    required: tuple[int, int]


def sample(site: Site, target: str | None) -> Mode:
    """Of the running agent. Skip `no-agent`, `too-early` before the first measurement."""
    row, spec = site.channel_status(target), site.channel(target).spec
    width, height = row.get("width"), row.get("height")
    if not isinstance(width, int) or not isinstance(height, int):
        raise Skip("too-early")
    return Mode(measured=(width, height), required=(spec.width, spec.height))


def judge(found: Mode) -> Judged:
    """Exactly the same."""
    measured, required = ("x".join(map(str, size)) for size in (found.measured, found.required))
    good = found.measured == found.required
    return Judged(
        status=Status.PASS if good else Status.FAIL,
        message="good" if good else "other",
        measured=measured,
        required=required,
        values={"measured": measured, "required": required},
    )


CHECK = Check(
    id="vid.mode",
    owner=Owner.BIOMEDICAL,
    profiles=VISIT,
    messages=("good", "other"),
    sample=sample,
    judge=judge,
    per_channel=True,
)
