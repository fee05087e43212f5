"""The firmware only starts signed systems (secure boot)."""

from __future__ import annotations

from agent.health.check import INSTALL, Check
from agent.health.site import Site, Skip
from agent.model.finding import Judged, Owner, Status

# UEFI specification 2.10, 3.3: global variable `SecureBoot`; four attribute bytes, then its value.
_VARIABLE = "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"


def sample(site: Site, target: str | None) -> bool:
    """Skip `no-hardware` where there is no UEFI."""
    try:
        data = site.path(_VARIABLE).read_bytes()
    except OSError:
        raise Skip("no-hardware", "UEFI") from None
    return data[4:5] == b"\x01"


def judge(on: bool) -> Judged:
    """Off is to be watched: who has the box in hand could start another system."""
    return Judged(
        status=Status.PASS if on else Status.WARN,
        message="good" if on else "off",
        measured="on" if on else "off",
        required="on",
    )


CHECK = Check(
    id="sec.boot",
    owner=Owner.HOSPITAL_IT,
    profiles=INSTALL,
    messages=("good", "off"),
    sample=sample,
    judge=judge,
)
