"""The broker lets no box speak for another one: a publication to a foreign topic is refused."""

from __future__ import annotations

from agent.health.check import INSTALL, Check
from agent.health.site import Site, Skip
from agent.model.finding import Judged, Owner, Status


def sample(site: Site, target: str | None) -> str:
    """`refused` or `taken`. Skip `not-configured`, `running` (the probe would take the agent's session away),
    `no-answer`."""
    if site.config.mqtt is None:
        raise Skip("not-configured")
    if site.status is not None:
        raise Skip("running")
    return site.probes.foreign_topic()


def judge(word: str) -> Judged:
    """Not authorised is what must come back: reason 0x87 (MQTT 5.0, 3.4.2.1)."""
    good = word == "refused"
    return Judged(
        status=Status.PASS if good else Status.FAIL,
        message="good" if good else "open",
        measured=word,
        required="refused",
    )


CHECK = Check(
    id="mqtt.acl",
    owner=Owner.HOSPITAL_IT,
    profiles=INSTALL,
    messages=("good", "open"),
    sample=sample,
    judge=judge,
)
