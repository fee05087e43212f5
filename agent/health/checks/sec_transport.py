"""The camera's pictures and its password do not cross the network in clear (STD 6.3)."""

from __future__ import annotations

from agent.health.check import INSTALL, Check
from agent.health.site import Site, Skip
from agent.model.finding import Judged, Owner, Status


def sample(site: Site, target: str | None) -> str:
    """The scheme of the channel's address. Skip `not-configured` for a source without a network.

    An ONVIF address is judged as it is written: the pictures' own address comes from the camera.
    """
    source = site.channel(target).source
    if source.kind not in ("rtsp", "onvif"):
        raise Skip("not-configured")
    return str(source.url).partition(":")[0]


def judge(scheme: str) -> Judged:
    """rtsps is RTSP over TLS (RFC 7826, 19.2). Many cameras can't: then the network must keep others out."""
    good = scheme in ("rtsps", "https")
    return Judged(
        status=Status.PASS if good else Status.WARN,
        message="good" if good else "clear",
        measured=scheme,
        required="rtsps, https",
    )


CHECK = Check(
    id="sec.transport",
    owner=Owner.HOSPITAL_IT,
    profiles=INSTALL,
    messages=("good", "clear"),
    sample=sample,
    judge=judge,
    per_channel=True,
)
