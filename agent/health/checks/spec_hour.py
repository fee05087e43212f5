"""What was recorded in the last hour keeps to its collection spec, by the ledger's verdicts (STD 6.2)."""

from __future__ import annotations

from dataclasses import dataclass

from agent.formats.ledger_v1 import LeafType
from agent.health.check import VISIT, Check
from agent.health.site import Site, Skip
from agent.model.finding import Judged, Owner, Status

HOUR_S = 3600.0
BAD_PERCENT = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Hour:
    """Segments in all, those that broke the spec, and the rules that they broke most often first."""

    segments: int
    broken: int
    rules: tuple[str, ...]


def sample(site: Site, target: str | None) -> Hour:
    """Of the last hour. Skip `too-early` when nothing was recorded in it."""
    total = broken = 0
    rules: dict[str, int] = {}
    for leaf in site.probes.recent_leaves(HOUR_S):
        if leaf.type is not LeafType.SEGMENT or leaf.body.get("channel") != target:
            continue
        total += 1
        broken += leaf.body.get("verdict") == "nonconforming"
        findings = leaf.body.get("findings")
        for row in findings if isinstance(findings, list) else []:
            if isinstance(row, dict) and row.get("grade") == "nonconforming":
                rules[str(row.get("rule"))] = rules.get(str(row.get("rule")), 0) + 1
    if not total:
        raise Skip("too-early")
    return Hour(
        segments=total, broken=broken, rules=tuple(sorted(rules, key=lambda rule: (-rules[rule], rule)))
    )


def judge(found: Hour) -> Judged:
    """One in ten fails."""
    percent = 100 * found.broken / found.segments
    status, message = Status.PASS, "good"
    if percent >= BAD_PERCENT:
        status, message = Status.FAIL, "many"
    elif found.broken:
        status, message = Status.WARN, "some"
    rules = ", ".join(found.rules[:5]) or "-"
    return Judged(
        status=status,
        message=message,
        measured=f"{found.broken} / {found.segments}" + (f" ({rules})" if found.rules else ""),
        required="0",
        values={"broken": str(found.broken), "segments": str(found.segments), "rules": rules},
    )


CHECK = Check(
    id="spec.hour",
    owner=Owner.BIOMEDICAL,
    profiles=VISIT,
    messages=("good", "some", "many"),
    sample=sample,
    judge=judge,
    per_channel=True,
)
