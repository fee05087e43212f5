"""No recording hangs on one key: a custodian may lose his and the others can still open it (STD 7.2)."""

from __future__ import annotations

from dataclasses import dataclass

from agent.health.check import VISIT, Check
from agent.health.site import Site
from agent.model.finding import Judged, Owner, Status

# A recipient's kind is what stands before its last 1, which no Bech32 text has behind it.
_ORDINARY, _POST_QUANTUM = "age1", "age1pq1"
# STD 5.3: level 5 is sealed to post-quantum recipients (docs/configuration.md, [custodians]).
_HIGHEST_LEVEL = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Custodians:
    """Of each kind of recipient that a channel needs: its name and how many there are; how many must meet."""

    kinds: tuple[tuple[str, int], ...]
    threshold: int


def sample(site: Site, target: str | None) -> Custodians:
    """Of the configuration."""
    recipients = site.config.custodians.recipients
    strong = sum(one.startswith(_POST_QUANTUM) for one in recipients)
    counts = {_POST_QUANTUM: strong, _ORDINARY: len(recipients) - strong}
    needed = {
        _POST_QUANTUM if channel.level >= _HIGHEST_LEVEL else _ORDINARY for channel in site.config.channel
    }
    return Custodians(
        kinds=tuple((kind, counts[kind]) for kind in sorted(needed)),
        threshold=site.config.custodians.threshold,
    )


def judge(found: Custodians) -> Judged:
    """One more than must meet."""
    measured = ", ".join(f"{kind}… {count}" for kind, count in found.kinds)
    good = all(count > found.threshold for _, count in found.kinds)
    return Judged(
        status=Status.PASS if good else Status.WARN,
        message="good" if good else "no-spare",
        measured=measured,
        required=f"≥ {found.threshold + 1}",
        values={"threshold": str(found.threshold)},
    )


CHECK = Check(
    id="crypto.custodians",
    owner=Owner.HOSPITAL_IT,
    profiles=VISIT,
    messages=("good", "no-spare"),
    sample=sample,
    judge=judge,
)
