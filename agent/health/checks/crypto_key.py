"""The box's signing key is there, and nobody but the agent may read it."""

from __future__ import annotations

import stat

from agent.health.check import EVERY, Check
from agent.health.site import Site, Skip
from agent.model.finding import Judged, Owner, Status

_OTHERS = 0o077
KEY_NAME = "signing.key"


def sample(site: Site, target: str | None) -> int:
    """Its permission bits. Skip `too-early` before the first start, `no-privilege`."""
    try:
        return stat.S_IMODE((site.config.box.state_dir / KEY_NAME).stat().st_mode)
    except FileNotFoundError:
        raise Skip("too-early") from None
    except PermissionError:
        raise Skip("no-privilege") from None


def judge(mode: int) -> Judged:
    """0400 or 0600."""
    good = not mode & _OTHERS
    return Judged(
        status=Status.PASS if good else Status.FAIL,
        message="good" if good else "readable",
        measured=f"{mode:04o}",
        required="0600",
        values={"mode": f"{mode:04o}"},
    )


CHECK = Check(
    id="crypto.key",
    owner=Owner.HOSPITAL_IT,
    profiles=EVERY,
    messages=("good", "readable"),
    sample=sample,
    judge=judge,
    required=True,
)
