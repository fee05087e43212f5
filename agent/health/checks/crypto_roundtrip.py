"""What is sealed comes back whole, and a changed byte is refused, with every suite."""

from __future__ import annotations

from agent.health.check import VISIT, Check
from agent.health.site import Site
from agent.model.finding import Judged, Owner, Profile, Status


def sample(site: Site, target: str | None) -> tuple[bool, bool]:
    """(came back whole, change was refused)."""
    return site.probes.sealing_round_trip()


def judge(found: tuple[bool, bool]) -> Judged:
    """Both must be so."""
    back, refused = found
    words = f"{'whole' if back else 'damaged'}, {'refused' if refused else 'ACCEPTED'}"
    good = back and refused
    return Judged(
        status=Status.PASS if good else Status.FAIL,
        message="good" if good else "broken",
        measured=words,
        required="whole, refused",
    )


CHECK = Check(
    id="crypto.roundtrip",
    owner=Owner.MAKER,
    profiles=VISIT | {Profile.BOOT},
    messages=("good", "broken"),
    sample=sample,
    judge=judge,
    required=True,
)
