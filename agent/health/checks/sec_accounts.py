"""No account of this box can be entered without a password, and root is alone (STD 6.3)."""

from __future__ import annotations

from dataclasses import dataclass

from agent.health.check import VISIT, Check
from agent.health.site import Site, Skip
from agent.model.finding import Judged, Owner, Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Accounts:
    """Names of those with an empty password, and of those besides root with root's number."""

    open: tuple[str, ...]
    roots: tuple[str, ...]


def sample(site: Site, target: str | None) -> Accounts:
    """shadow(5), passwd(5): the second field is looked at for being empty only. Skip `no-privilege`."""
    shadow, passwd = site.text("/etc/shadow"), site.text("/etc/passwd")
    if shadow is None or passwd is None:
        raise Skip("no-privilege")
    secrets, users = ([line.split(":") for line in text.splitlines()] for text in (shadow, passwd))
    return Accounts(
        open=tuple(row[0] for row in secrets if len(row) > 1 and not row[1]),
        roots=tuple(row[0] for row in users if len(row) > 2 and row[2] == "0" and row[0] != "root"),
    )


def judge(found: Accounts) -> Judged:
    """Both are somebody's way in (checks.md, sec.login)."""
    status, message = Status.PASS, "good"
    if found.open:
        status, message = Status.FAIL, "no-password"
    elif found.roots:
        status, message = Status.FAIL, "second-root"
    words = ", ".join(found.open or found.roots)[:200] or "0"
    return Judged(status=status, message=message, measured=words, required="0", values={"names": words})


CHECK = Check(
    id="sec.accounts",
    owner=Owner.HOSPITAL_IT,
    profiles=VISIT,
    messages=("good", "no-password", "second-root"),
    sample=sample,
    judge=judge,
)
