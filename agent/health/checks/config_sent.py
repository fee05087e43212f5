"""The configuration that the controller sent last is the one in effect (docs/formats/commands-v1.md)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from agent.health.check import VISIT, Check
from agent.health.site import Site
from agent.model.finding import Judged, Owner, Status

ROLLED_BACK, MEMORY = "config.rolled-back", "config.memory"
# The alarm's text ends with the code of why.
_WHY = re.compile(r"\(([a-z][a-z.-]{0,60})\)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """Code of why the last one was given up, None when it was not; whether the memory of it is damaged."""

    given_up: str | None
    damaged: bool


def sample(site: Site, target: str | None) -> Sent:
    """Of the running agent's alarms: it tells after each start what it gave up. Skip `no-agent`."""
    text = site.alarm_text("_", ROLLED_BACK)
    why = None if text is None else _WHY.search(text)
    return Sent(
        given_up=None if text is None else (why[1] if why else "-"),
        damaged=site.alarm_text("_", MEMORY) is not None,
    )


def judge(found: Sent) -> Judged:
    """The box works under an older one, but who sent the new one believes otherwise."""
    status, message = Status.PASS, "good"
    if found.damaged:
        status, message = Status.FAIL, "damaged"
    elif found.given_up is not None:
        status, message = Status.WARN, "rolled-back"
    return Judged(
        status=status,
        message=message,
        measured=MEMORY if found.damaged else found.given_up or "in effect",
        required="in effect",
        values={"why": found.given_up or "-"},
    )


CHECK = Check(
    id="config.sent",
    owner=Owner.HOSPITAL_IT,
    profiles=VISIT,
    messages=("good", "rolled-back", "damaged"),
    sample=sample,
    judge=judge,
)
