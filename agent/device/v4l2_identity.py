"""Who a capture device is beyond what its driver tells: the texts of its USB descriptor, from sysfs.

Guarantees: reads only; what is not told, or not of a USB device, is None. Leaves out the ids, which
`identity.py` reads for matching a profile.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from agent.model.device_report import told

_CLASS = Path("class/video4linux")
# The node belongs to an interface of the device, which is a directory below it.
_LEVELS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class UsbTexts:
    """`release` is the device's own version (bcdDevice), what comes nearest to a firmware's."""

    manufacturer: str | None = None
    serial: str | None = None
    release: str | None = None


def usb_texts(node: Path, sysfs: Path = Path("/sys")) -> UsbTexts:
    """The texts of the USB device behind the video node `node`."""
    interface = (sysfs / _CLASS / node.resolve().name / "device").resolve()
    for place in (interface, *list(interface.parents)[: _LEVELS - 1]):
        if (place / "idVendor").is_file():
            return UsbTexts(
                manufacturer=_text(place / "manufacturer"),
                serial=_text(place / "serial"),
                release=_text(place / "bcdDevice"),
            )
    return UsbTexts()


def _text(path: Path) -> str | None:
    try:
        return told(path.read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return None
