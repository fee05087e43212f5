"""`edgeward simulate`: a fleet of boxes that are not there, on a real broker."""

from __future__ import annotations

import argparse
import json
import os
import random
from pathlib import Path

from agent.cli.exits import Exit
from agent.host.clock import SystemClock
from agent.link.wire import LinkSettings, Secret
from agent.model.errors import Refuse
from agent.runtime.load_config import read_secret
from agent.simulate.box import SimBox
from agent.simulate.fleet import SimFleet, open_files, until_a_signal

EXAMPLE = "edgeward simulate --boxes 100 --host 127.0.0.1 --port 1883"
_MOST_BOXES, _MOST_CHANNELS, _BOXES_OF_A_WARD = 20_000, 16, 10


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of this verb."""
    parser.add_argument("--boxes", type=int, required=True, metavar="N")
    parser.add_argument("--channels", type=int, default=4, metavar="N", help="of each box (default 4)")
    parser.add_argument("--prefix", default="sim", help="names are PREFIX-0, PREFIX-1 … (default sim)")
    parser.add_argument("--faults", type=float, default=6.0, metavar="N", help="lost signals a minute")
    parser.add_argument("--seconds", type=float, metavar="S", help="how long (default: until a signal)")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=1883)
    parser.add_argument("--ca-file", type=Path, metavar="FILE", help="TLS, with this authority")
    parser.add_argument("--username")
    parser.add_argument("--password-file", metavar="FILE")


def run(arguments: argparse.Namespace) -> int:
    """Prints one line of JSON at the end. Refuse `simulate.*`."""
    wrong = _wrong(arguments)
    if wrong is not None:
        raise Refuse("simulate.arguments", wrong, "see edgeward simulate --help")
    open_files(arguments.boxes)
    secret = arguments.password_file
    settings = LinkSettings(
        host=arguments.host, port=arguments.port, box="", username=arguments.username,
        password=None if secret is None else Secret(read_secret(secret)),
        tls=arguments.ca_file is not None, tls_ca=arguments.ca_file,
    )  # fmt: skip
    names = tuple(f"ch{number}" for number in range(arguments.channels))
    boxes = [
        SimBox(
            name=f"{arguments.prefix}-{number}", site=f"Ward {number // _BOXES_OF_A_WARD + 1}",
            channels=names, boot=os.urandom(16).hex(), nonce=os.urandom(16).hex(),
        )
        for number in range(arguments.boxes)
    ]  # fmt: skip
    clock = SystemClock()
    fleet = SimFleet(
        boxes, settings, clock, random.SystemRandom().random, faults_per_minute=arguments.faults
    )  # fmt: skip
    fleet.run(until_a_signal(clock, arguments.seconds))
    told = fleet.told
    print(
        json.dumps(
            {
                "connected": told.connected, "sent": told.sent, "acknowledged": told.acknowledged,
                "dropped": told.dropped, "commands": told.commands, "alarms": told.raised,
            }
        )
    )  # fmt: skip
    return Exit.OK


def _wrong(arguments: argparse.Namespace) -> str | None:
    if not 1 <= arguments.boxes <= _MOST_BOXES:
        return f"--boxes is 1 to {_MOST_BOXES}"
    if not 1 <= arguments.channels <= _MOST_CHANNELS:
        return f"--channels is 1 to {_MOST_CHANNELS}"
    if arguments.ca_file is None and arguments.host not in ("127.0.0.1", "::1", "localhost"):
        return "to a broker elsewhere only with TLS: give --ca-file"
    return None
