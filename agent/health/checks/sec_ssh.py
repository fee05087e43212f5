"""Nobody can log in to this box over the network with a password."""

from __future__ import annotations

from agent.health.check import INSTALL, Check
from agent.health.site import Site, Skip
from agent.model.finding import Judged, Owner, Status


def sample(site: Site, target: str | None) -> tuple[str, ...]:
    """Keys of sshd's effective settings that allow it. Skip `no-program`, `no-privilege`."""
    told = site.program("sshd", "-T")
    if told.code != 0:
        raise Skip("no-privilege")
    settings = dict(line.partition(" ")[::2] for line in told.text.splitlines())
    ways = ("passwordauthentication", "kbdinteractiveauthentication", "permitemptypasswords")
    found = [key for key in ways if settings.get(key) == "yes"]
    if settings.get("permitrootlogin") == "yes":
        found.append("permitrootlogin")
    return tuple(found)


def judge(ways: tuple[str, ...]) -> Judged:
    """Keys only (checks.md, sec.login)."""
    words = ", ".join(ways) or "keys only"
    return Judged(
        status=Status.FAIL if ways else Status.PASS,
        message="password" if ways else "good",
        measured=words,
        required="keys only",
        values={"ways": words},
    )


CHECK = Check(
    id="sec.ssh",
    owner=Owner.HOSPITAL_IT,
    profiles=INSTALL,
    messages=("good", "password"),
    sample=sample,
    judge=judge,
)
