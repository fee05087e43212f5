"""There is one way out of this box, and it is not over a capture network."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address
from urllib.parse import urlsplit

from agent.formats.config_v1 import ChannelConfig
from agent.health.check import VISIT, Check
from agent.health.site import Site, Skip
from agent.model.finding import Judged, Owner, Status

# As proc_net_route writes it: a little-endian word.
_NONE = "00000000"
_FIELDS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Ways:
    """Interfaces with a default route, and those of them on whose own network a camera is."""

    out: tuple[str, ...]
    shared: tuple[str, ...]


def sample(site: Site, target: str | None) -> Ways:
    """Of proc_net_route, IPv4 only; cameras by address, not by name. Skip `no-hardware` without /proc."""
    table = site.text("/proc/net/route")
    if table is None:
        raise Skip("no-hardware", "/proc/net/route")
    rows = [row for line in table.splitlines()[1:] if len(row := line.split()) >= _FIELDS]
    out = {row[0] for row in rows if row[1] == row[7] == _NONE}
    reached = {_interface(rows, address) for address in _cameras(site.config.channel)}
    return Ways(out=tuple(sorted(out)), shared=tuple(sorted(out & reached)))


def _cameras(channels: Iterable[ChannelConfig]) -> list[int]:
    found = []
    for channel in channels:
        if channel.source.kind not in ("rtsp", "onvif"):
            continue
        try:
            found.append(int(IPv4Address(urlsplit(str(channel.source.url)).hostname or "")))
        except AddressValueError:
            continue
    return found


def _interface(rows: Iterable[list[str]], address: int) -> str:
    """The interface on whose own network the address is, by the longest mask; empty for none."""
    fits = [
        (_word(row[7]), row[0])
        for row in rows
        if row[2] == _NONE and row[7] != _NONE and address & _word(row[7]) == _word(row[1])
    ]
    return max(fits, default=(0, ""))[1]


def _word(text: str) -> int:
    return int.from_bytes(bytes.fromhex(text), "little")


def judge(found: Ways) -> Judged:
    """Two ways out join two networks that the hospital keeps apart; so does one that cameras are on."""
    words = ", ".join(found.out) or "-"
    status, message = Status.PASS, "good"
    if not found.out:
        status, message = Status.WARN, "none"
    elif len(found.out) > 1:
        status, message = Status.WARN, "several"
    elif found.shared:
        status, message = Status.WARN, "shared"
    return Judged(
        status=status,
        message=message,
        measured=f"{len(found.out)} ({words})" + (", cameras" if found.shared else ""),
        required="1, cameras apart",
        values={"interfaces": words},
    )


CHECK = Check(
    id="net.route",
    owner=Owner.HOSPITAL_IT,
    profiles=VISIT,
    messages=("good", "none", "several", "shared"),
    sample=sample,
    judge=judge,
)
