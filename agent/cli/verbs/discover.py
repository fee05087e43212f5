"""`edgeward discover`: the capture devices of this machine, and the ONVIF cameras on one network.

Guarantees: opens no device and sends no password; asks the network only when `--interface` names the address
to ask from, since the cameras' network is often not the one of the default route. What a camera says of
itself is a hint: `edgeward probe` opens it. Leaves out cameras that do not answer WS-Discovery.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from uuid import uuid4

from agent.cli.exits import Exit
from agent.device.identity import is_video_node, video_node_facts
from agent.device.onvif_discovery import Found, discover, open_socket
from agent.device.profile_match import Trust, match_device
from agent.device.profiles import load_profiles
from agent.formats.profile_v1 import DeviceProfile
from agent.host.clock import SystemClock

EXAMPLE = "edgeward discover --interface 192.0.2.1"
_MOST_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """Something to record from, named as `edgeward probe` takes it; `profile` None for an unknown model."""

    source: str
    name: str
    profile: str | None


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of this verb."""
    parser.add_argument(
        "--interface", metavar="ADDRESS", help="also look for cameras, from this IPv4 address of the machine"
    )
    parser.add_argument(
        "--seconds", type=_seconds, default=3.0, help="how long to wait for cameras (default 3)"
    )
    parser.add_argument("--json", action="store_true", help="machine-readable")


def run(arguments: argparse.Namespace) -> int:
    """Exit 0 when something was found, 1 when nothing was."""
    profiles = load_profiles().profiles
    found = capture_devices(profiles, nodes(Path("/dev")))
    if arguments.interface is not None:
        with closing(open_socket(arguments.interface)) as asking:
            found += cameras(discover(asking, uuid4(), SystemClock(), arguments.seconds))
    if arguments.json:
        print(json.dumps([asdict(device) for device in found], ensure_ascii=False))
    else:
        print("\n".join(lines(found)))
    if not found:
        advice = "check cables and power" if arguments.interface else "name --interface to look for cameras"
        print(f"nothing was found: {advice}", file=sys.stderr)
    return Exit.OK if found else Exit.FAILED


def nodes(dev: Path) -> list[Path]:
    """The stable link to the first node of each capture device below `dev`, and the nodes without any link.

    Further nodes of a device carry metadata, or the same picture again.
    """
    links = sorted(dev.glob("v4l/by-path/*"))
    linked = {link.resolve() for link in links}
    first = [link for link in links if link.name.endswith("-video-index0")]
    bare = sorted(dev.glob("video[0-9]*"), key=lambda path: (len(path.name), path.name))
    return [path for path in (*first, *bare) if is_video_node(path) and path not in linked]


def capture_devices(profiles: Sequence[DeviceProfile], nodes: Iterable[Path]) -> list[Device]:
    """What the kernel tells of each node, and the profile that it gets."""
    devices = []
    for node in nodes:
        facts = video_node_facts(node)
        match = match_device(profiles, facts)
        devices.append(
            Device(
                source=str(node),
                name=facts.card or facts.driver or "a video device",
                profile=None if match.trust is Trust.UNKNOWN_DEVICE else match.profile.id,
            )
        )
    return devices


def cameras(answers: Iterable[Found]) -> list[Device]:
    """One line for each address of each camera that answered."""
    return [
        Device(
            source="onvif://" + address.removeprefix("http://") if address.startswith("http://") else address,
            name=" ".join(filter(None, (one.name, one.hardware))) or "a camera",
            profile=None,
        )
        for one in answers
        for address in one.addresses
    ]


def lines(devices: Sequence[Device]) -> list[str]:
    """A table for a technician."""
    width = max((len(device.source) for device in devices), default=0)
    return [f"{one.source:<{width}}  {one.name}  {one.profile or '-'}" for one in devices]


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds <= _MOST_SECONDS:
        raise argparse.ArgumentTypeError(f"more than 0 and at most {_MOST_SECONDS:g} seconds")
    return seconds
