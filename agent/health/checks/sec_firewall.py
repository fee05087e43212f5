"""A firewall drops what nobody asked for (STD 6.3)."""

from __future__ import annotations

import json

from agent.health.check import INSTALL, Check
from agent.health.site import Site, Skip
from agent.model.finding import Judged, Owner, Status


def sample(site: Site, target: str | None) -> bool:
    """True when a chain on nftables' input hook drops by default. Skip `no-program`, `no-privilege`."""
    told = site.program("nft", "--json", "list", "chains")
    if told.code != 0:
        raise Skip("no-privilege")
    try:
        entries = json.loads(told.text)["nftables"]
        chains = [entry["chain"] for entry in entries if isinstance(entry, dict) and "chain" in entry]
    except (ValueError, KeyError, TypeError):
        raise Skip("no-program", "nft") from None
    return any(chain.get("hook") == "input" and chain.get("policy") == "drop" for chain in chains)


def judge(drops: bool) -> Judged:
    """nft(8): the policy of a base chain."""
    return Judged(
        status=Status.PASS if drops else Status.WARN,
        message="good" if drops else "none",
        measured="drop" if drops else "accept",
        required="drop",
    )


CHECK = Check(
    id="sec.firewall",
    owner=Owner.HOSPITAL_IT,
    profiles=INSTALL,
    messages=("good", "none"),
    sample=sample,
    judge=judge,
)
