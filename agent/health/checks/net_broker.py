"""The broker's port answers, in two steps that are told apart: its name, then TCP."""

from __future__ import annotations

from agent.health.check import VISIT, Check
from agent.health.site import Site, Skip
from agent.model.finding import Judged, Owner, Status


def sample(site: Site, target: str | None) -> str:
    """`open`, `no-name` or `no-answer`. Skip `not-configured` without a broker."""
    mqtt = site.config.mqtt
    if mqtt is None:
        raise Skip("not-configured")
    return site.probes.reach(mqtt.host, mqtt.port)


def judge(found: str) -> Judged:
    """What comes after TCP (TLS, the broker's answer) is `mqtt.session`'s."""
    good = found == "open"
    return Judged(
        status=Status.PASS if good else Status.FAIL,
        message="good" if good else found,
        measured=found,
        required="open",
    )


CHECK = Check(
    id="net.broker",
    owner=Owner.HOSPITAL_IT,
    profiles=VISIT,
    messages=("good", "no-name", "no-answer"),
    sample=sample,
    judge=judge,
)
