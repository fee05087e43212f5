"""The running agent is connected to the controller's broker."""

from __future__ import annotations

from dataclasses import dataclass

from agent.health.check import VISIT, Check
from agent.health.site import Site, Skip
from agent.model.finding import Judged, Owner, Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Of the status file: connected now, how often again, the last error's code."""

    connected: bool
    reconnects: int
    last_error: str


def sample(site: Site, target: str | None) -> Session:
    """Skip `not-configured` without a broker, `no-agent`."""
    link = site.running().get("link")
    if not isinstance(link, dict):
        raise Skip("not-configured")
    reconnects = link.get("reconnects")
    return Session(
        connected=bool(link.get("connected")),
        reconnects=reconnects if isinstance(reconnects, int) else 0,
        last_error=str(link.get("last_error") or ""),
    )


def judge(found: Session) -> Judged:
    """Refused is another fault than unreachable: it needs other people (docs/formats/mqtt-v1.md)."""
    measured = "connected" if found.connected else found.last_error or "-"
    status, message = Status.PASS, "good"
    if not found.connected:
        status, message = Status.FAIL, "unreachable"
        if found.last_error.startswith("mqtt.connack-8"):
            message = "refused"
        elif found.last_error.startswith("mqtt.tls"):
            message = "certificate"
    return Judged(
        status=status,
        message=message,
        measured=measured,
        required="connected",
        values={"error": found.last_error or "-"},
    )


CHECK = Check(
    id="mqtt.session",
    owner=Owner.HOSPITAL_IT,
    profiles=VISIT,
    messages=("good", "unreachable", "refused", "certificate"),
    sample=sample,
    judge=judge,
)
