"""The camera gives nothing without a login, and no longer takes the one that its maker ships (STD 6.3)."""

from __future__ import annotations

from dataclasses import dataclass

from agent.health.check import INSTALL, Check
from agent.health.site import Site, Skip
from agent.health.vendor_logins import SHIPPED
from agent.model.finding import Judged, Owner, Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Knocked:
    """What came back without a login, and with the maker's; None when that was not tried."""

    bare: str
    shipped: str | None


def sample(site: Site, target: str | None) -> Knocked:
    """Asks the camera twice at most. Skip `not-configured` for what is no network camera, `no-answer`.

    The maker's login is tried once, only where `[checks] try_vendor_default` says so, and never with a name
    that the configuration uses: a wrong password for that one could lock this box out.
    """
    seen, source = site.probes.device(str(target)), site.channel(target).source
    if seen.stream_url is None:
        raise Skip("not-configured")
    bare = site.probes.knock(seen.stream_url, None)
    if bare not in ("open", "closed"):
        raise Skip("no-answer", "rtsp")
    login = SHIPPED.get(seen.profile.partition("/")[0])
    ours = source.username if source.kind in ("rtsp", "onvif") else None
    if bare == "open" or login is None or login[0] == ours or not site.settings.try_vendor_default:
        return Knocked(bare=bare, shipped=None)
    return Knocked(bare=bare, shipped=site.probes.knock(seen.stream_url, login))


def judge(found: Knocked) -> Judged:
    """Open to everybody, or to everybody who has read the manual."""
    status, message = Status.PASS, "good" if found.shipped == "closed" else "asked"
    if found.bare == "open":
        status, message = Status.FAIL, "none"
    elif found.shipped == "open":
        status, message = Status.FAIL, "shipped"
    return Judged(
        status=status,
        message=message,
        measured=f"{found.bare}, {found.shipped or '-'}",
        required="closed, closed",
    )


CHECK = Check(
    id="device.password",
    owner=Owner.BIOMEDICAL,
    profiles=INSTALL,
    messages=("good", "asked", "none", "shipped"),
    sample=sample,
    judge=judge,
    per_channel=True,
)
