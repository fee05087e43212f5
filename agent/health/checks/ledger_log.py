"""The ledger is whole: nothing in it was changed since its last checkpoint."""

from __future__ import annotations

from agent.health.check import VISIT, Check
from agent.health.site import Site
from agent.model.finding import Judged, Owner, Status


def sample(site: Site, target: str | None) -> tuple[int, tuple[str, ...]]:
    """Leaves, and what is wrong. Skip `too-early` before the first start, `no-privilege`."""
    return site.probes.ledger_problems()


def judge(found: tuple[int, tuple[str, ...]]) -> Judged:
    """One contradiction is one too many."""
    leaves, problems = found
    return Judged(
        status=Status.FAIL if problems else Status.PASS,
        message="tampered" if problems else "good",
        measured=f"{leaves} / {len(problems)}",
        required="0",
        values={"leaves": str(leaves), "first": problems[0] if problems else ""},
    )


CHECK = Check(
    id="ledger.log",
    owner=Owner.MAKER,
    profiles=VISIT,
    messages=("good", "tampered"),
    sample=sample,
    judge=judge,
    required=True,
)
