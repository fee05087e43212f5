"""The capture device is plugged in, under a name that stays, on a port that is fast enough."""

from __future__ import annotations

from dataclasses import dataclass

from agent.health.check import VISIT, Check
from agent.health.site import Site, Skip
from agent.model.finding import Judged, Owner, Status

# Mbit/s, as sysfs tells them: USB 2 has 480; uncompressed 720p needs more.
USB3_MBPS = 5000
_STABLE = "/dev/v4l/"
_MOST_PARENTS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """Whether it is there; whether its name stays; USB's speed in Mbit/s, None for what is no USB device."""

    there: bool
    stable: bool
    usb_mbps: int | None


def sample(site: Site, target: str | None) -> Device:
    """Looks at the node and at sysfs. Skip `not-configured` for a source that is no capture device."""
    source = site.channel(target).source
    if source.kind != "v4l2":
        raise Skip("not-configured")
    node = site.path(source.device)
    return Device(
        there=node.exists(),
        stable=source.device.startswith(_STABLE),
        usb_mbps=_usb_mbps(site, node.resolve().name),
    )


def _usb_mbps(site: Site, name: str) -> int | None:
    """The speed of the USB device that the node belongs to: its interface's parent has it."""
    here = site.path(f"/sys/class/video4linux/{name}/device").resolve()
    for place in (here, *here.parents[:_MOST_PARENTS]):
        try:
            speed = (place / "speed").read_text(encoding="ascii").strip()
        except (OSError, ValueError):
            continue
        return int(speed) if speed.isdigit() else None
    return None


def judge(found: Device) -> Judged:
    """`/dev/video0` is another device after the next start, when two are plugged in."""
    status, message = Status.PASS, "good"
    if not found.there:
        status, message = Status.FAIL, "missing"
    elif not found.stable:
        status, message = Status.WARN, "unstable"
    elif found.usb_mbps is not None and found.usb_mbps < USB3_MBPS:
        status, message = Status.WARN, "slow-port"
    speed = "-" if found.usb_mbps is None else f"{found.usb_mbps} Mbit/s"
    return Judged(
        status=status,
        message=message,
        measured=f"{'there' if found.there else '-'}, {speed}",
        required=f"there, ≥ {USB3_MBPS} Mbit/s",
        values={"speed": speed},
    )


CHECK = Check(
    id="vid.present",
    owner=Owner.TECHNICIAN,
    profiles=VISIT,
    messages=("good", "missing", "unstable", "slow-port"),
    sample=sample,
    judge=judge,
    per_channel=True,
)
