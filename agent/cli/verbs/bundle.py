"""`edgeward bundle -o FILE`: what support needs, sealed to support."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from agent.cli.common import add_config, config_of
from agent.cli.exits import Exit
from agent.health.checks import CHECKS
from agent.health.engine import run as run_checks
from agent.health.engine import tasks
from agent.host.clock import SystemClock
from agent.host.files import create_exclusive
from agent.model.errors import Refuse
from agent.runtime.bundle import MEMBERS, bundle_recipient, make_bundle
from agent.runtime.check_site import this_site

EXAMPLE = "edgeward bundle -o ward-3.bundle.age"


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of this verb."""
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE", help="a new file")
    parser.add_argument("--to", metavar="RECIPIENT", help="age recipient; default: [support]")
    add_config(parser)


def run(arguments: argparse.Namespace) -> int:
    """Exit 0 when it is written; 1 refused."""
    config = config_of(arguments)
    recipient = bundle_recipient(config, arguments.to)
    if recipient is None:
        raise Refuse(
            "bundle.no-recipient",
            "nobody is named who may read the bundle",
            'put [support] recipient = "age1…" into agent.toml, or name one with --to',
        )
    clock = SystemClock()
    site = this_site(config, clock)
    findings = tuple(run_checks(tasks(CHECKS, [one.id for one in config.channel]), site, lambda _task: None))
    sealed = make_bundle(site, findings, recipient, clock.now(), os.urandom)
    with os.fdopen(create_exclusive(arguments.output, 0o600), "wb") as stream:
        stream.write(sealed)
    print(f"{arguments.output}: {len(sealed)} bytes, sealed; inside: {', '.join(MEMBERS)}")
    return Exit.OK
