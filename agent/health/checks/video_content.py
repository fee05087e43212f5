"""There is something to see: the newest segment's picture is not black, frozen, covered or a test card."""

from __future__ import annotations

from agent.formats.ledger_v1 import LeafType
from agent.health.check import VISIT, Check
from agent.health.site import Site, Skip
from agent.model.finding import Judged, Owner, Status

# A segment lasts up to an hour by configuration, a minute by default.
LOOK_BACK_S = 3_900.0
# Rules of the collection spec on what is in the picture, the worst first (docs/spec-rules.md).
RULES = ("no-signal", "black", "frozen", "covered", "defocused")


def sample(site: Site, target: str | None) -> tuple[str, ...]:
    """Which of these rules the newest segment broke, by the ledger. Skip `too-early`."""
    for leaf in reversed(site.probes.recent_leaves(LOOK_BACK_S)):
        if leaf.type is LeafType.SEGMENT and leaf.body.get("channel") == target:
            found = leaf.body.get("findings")
            rows = [row for row in found if isinstance(row, dict)] if isinstance(found, list) else []
            broken = {row.get("rule") for row in rows if row.get("grade") != "conforming"}
            return tuple(rule for rule in RULES if rule in broken)
    raise Skip("too-early")


def judge(broken: tuple[str, ...]) -> Judged:
    """Black may be meant (the device is off, the room is dark): a person must look."""
    if not broken:
        return Judged(status=Status.PASS, message="good", measured="live", required="live")
    worst = broken[0]
    return Judged(
        status=Status.WARN if worst == "defocused" else Status.FAIL,
        message=worst,
        measured=", ".join(broken),
        required="live",
    )


CHECK = Check(
    id="vid.content",
    owner=Owner.TECHNICIAN,
    profiles=VISIT,
    messages=("good", *RULES),
    sample=sample,
    judge=judge,
    per_channel=True,
)
