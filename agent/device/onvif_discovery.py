"""Which ONVIF cameras are on one network: WS-Discovery's Probe by multicast, and the answers to it.

Guarantees: the question leaves by the interface whose address is given, and by no other, with a time to live
of 1; only answers to this question count; what an answer says is a hint, to be confirmed by opening the
camera. Leaves out cameras that have discovery switched off, IPv6, and Hello messages.

Format: WS-Discovery of April 2005, as ONVIF's Core Specification uses it in "Device discovery".
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit
from uuid import UUID

from agent.device.hostile_xml import parse_xml
from agent.model.device_report import told
from agent.model.errors import Retry
from agent.model.ports.clock import Clock
from agent.model.times import NS_PER_S

GROUP = ("239.255.255.250", 3702)
_LARGEST = 65_535
_MOST_ADDRESSES = 8
_ADDRESSING = "http://schemas.xmlsoap.org/ws/2004/08/addressing"
_DISCOVERY = "http://schemas.xmlsoap.org/ws/2005/04/discovery"
_SCOPES = "onvif://www.onvif.org/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A device that answered from `host`: the addresses of its device service there, and its own words."""

    host: str
    addresses: tuple[str, ...]
    name: str | None
    hardware: str | None


def open_socket(interface: str) -> socket.socket:
    """A socket for `discover` that speaks through the interface with the IPv4 address `interface` only.

    Raises `Retry` `discovery.interface` when there is no such address.
    """
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        made.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(interface))
        made.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 1)
        made.bind((interface, 0))
    except OSError as error:
        made.close()
        reason = error.strerror or "not an address"
    else:
        return made
    raise Retry(
        "discovery.interface",
        f"cameras can't be looked for from {interface}: {reason}",
        "name the IPv4 address that this machine has on the cameras' network",
        after_s=5.0,
    )


def discover(
    asking: socket.socket, message_id: UUID, clock: Clock, seconds: float, group: tuple[str, int] = GROUP
) -> Iterator[Found]:
    """Asks once, and yields each device when it first answers, for `seconds`. `message_id` is fresh."""
    asking.sendto(probe(message_id), group)
    ends_ns = clock.mono_ns() + round(seconds * NS_PER_S)
    seen = set()
    while (left_ns := ends_ns - clock.mono_ns()) > 0:
        asking.settimeout(left_ns / NS_PER_S)
        try:
            data, (host, _port) = asking.recvfrom(_LARGEST)
        except TimeoutError:
            return
        found = read_answer(data, message_id, host)
        if found is not None and found not in seen:
            seen.add(found)
            yield found


def probe(message_id: UUID) -> bytes:
    """The question: every device that transmits video over the network."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" '
        f'xmlns:a="{_ADDRESSING}" xmlns:d="{_DISCOVERY}" '
        'xmlns:dn="http://www.onvif.org/ver10/network/wsdl"><s:Header>'
        f"<a:MessageID>uuid:{message_id}</a:MessageID>"
        "<a:To>urn:schemas-xmlsoap-org:ws:2005:04:discovery</a:To>"
        f"<a:Action>{_DISCOVERY}/Probe</a:Action></s:Header><s:Body><d:Probe>"
        "<d:Types>dn:NetworkVideoTransmitter</d:Types></d:Probe></s:Body></s:Envelope>"
    ).encode()


def read_answer(data: bytes, message_id: UUID, host: str) -> Found | None:
    """What `host` answered to the question `message_id`; None for anything else."""
    try:
        root = parse_xml(data)
    except ValueError:
        return None
    related = _text(root, _ADDRESSING, "RelatesTo")
    if related.casefold().rpartition("uuid:")[2] != str(message_id):
        return None
    addresses = [one for one in _text(root, _DISCOVERY, "XAddrs").split() if _is_at(one, host)]
    scopes = _text(root, _DISCOVERY, "Scopes").split()
    return Found(
        host=host,
        addresses=tuple(dict.fromkeys(addresses[:_MOST_ADDRESSES])),
        name=_scope(scopes, "name/"),
        hardware=_scope(scopes, "hardware/"),
    )


def _text(root: Any, namespace: str, name: str) -> str:
    found = next(root.iter(f"{{{namespace}}}{name}"), None)
    return "" if found is None or found.text is None else str(found.text).strip()


def _is_at(address: str, host: str) -> bool:
    """Only what the device says of itself: an answer must not send us, and a password, to somebody else."""
    try:
        parts = urlsplit(address)
        return parts.scheme in ("http", "https") and parts.hostname == host and "@" not in address
    except ValueError:
        return False


def _scope(scopes: list[str], kind: str) -> str | None:
    start = _SCOPES + kind
    return next((told(unquote(one[len(start) :])) for one in scopes if one.startswith(start)), None)
