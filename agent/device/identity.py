"""Who a device is: a V4L2 node by what the kernel tells in sysfs, a camera by what it told over ONVIF.

Guarantees: reads only; what is not told is None. Leaves out asking the camera (`onvif_client.py`) and the
signal (that needs the open device). Layout: https://docs.kernel.org/admin-guide/sysfs-rules.html; a
video node links to the USB interface that drives it, whose parent has the ids.
"""

from __future__ import annotations

import stat
from pathlib import Path

from agent.device.profile_match import DeviceFacts
from agent.formats.profile_v1 import Kind
from agent.model.device_report import DeviceReport

_CLASS = Path("class/video4linux")


def is_video_node(path: Path) -> bool:
    """True for a character device whose name begins with `video`, or a link to one (`/dev/v4l/by-path/…`)."""
    try:
        return stat.S_ISCHR(path.stat().st_mode) and path.resolve().name.startswith("video")
    except OSError:
        return False


def video_node_facts(node: Path, sysfs: Path = Path("/sys")) -> DeviceFacts:
    """What the kernel tells of the video node `node`."""
    place = sysfs / _CLASS / node.resolve().name
    device = place / "device"
    driver = device / "driver"
    return DeviceFacts(
        kind=Kind.V4L2,
        usb=_usb(device),
        card=_text(place / "name"),
        driver=driver.resolve().name if driver.exists() else None,
    )


def onvif_camera_facts(report: DeviceReport) -> DeviceFacts:
    """What a camera told over ONVIF when it was opened."""
    return DeviceFacts(
        kind=Kind.ONVIF,
        manufacturer=report.manufacturer,
        model=report.model,
        firmware=report.firmware,
    )


def _usb(device: Path) -> str | None:
    """`vvvv:pppp` of the USB device that `device` or one of its three nearest parents is."""
    here = device.resolve()
    for place in (here, *list(here.parents)[:3]):
        vendor, product = _text(place / "idVendor"), _text(place / "idProduct")
        if vendor is not None and product is not None:
            return f"{vendor}:{product}".casefold()
    return None


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip() or None
    except OSError:
        return None
