"""`edgeward console run | check`: the controller's web console."""

from __future__ import annotations

import argparse
import asyncio
import os
import random
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from agent.cli.common import first_error, log
from agent.cli.exits import Exit
from agent.host.clock import SystemClock
from agent.link.wire import LinkSettings
from agent.model.errors import AgentError, Refuse
from agent.runtime.broker_settings import broker_settings
from agent.runtime.load_config import ConfigError, read_secret, read_text

if TYPE_CHECKING:
    from agent.console.config import ConsoleConfig

EXAMPLE = "edgeward console run -c /etc/edgeward/console.toml"
_NEEDED = ("starlette", "uvicorn", "argon2")


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of this verb."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    for action, purpose in (("run", "serve people until a signal"), ("check", "check the configuration")):
        one = actions.add_parser(action, help=purpose, description=purpose)
        one.add_argument("-c", "--config", type=Path, required=True, metavar="FILE", help="console.toml")


def run(arguments: argparse.Namespace) -> int:
    """Refuse `console.not-installed` without the extra."""
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        raise Refuse(
            "console.not-installed",
            f"the console needs packages that are not installed: {', '.join(missing)}",
            "install the extra: pip install 'edgeward[console]'",
        )
    config = _load(arguments.config)
    settings = broker_settings(config.mqtt, f"console-{config.console.name}")
    token = config.console.metrics_token_file
    metrics_token = None if token is None else read_secret(token)
    if arguments.action == "check":
        print(f"{arguments.config}: good")
        return Exit.OK
    return _run(config, settings, metrics_token)


def _load(path: Path) -> ConsoleConfig:
    from agent.console.config import ConsoleConfig, parse

    parsed = parse(read_text(path))
    if isinstance(parsed, ConsoleConfig):
        return parsed
    raise ConfigError(tuple(f"{path}: {problem}" for problem in parsed))


def _run(config: ConsoleConfig, settings: LinkSettings, metrics_token: str | None) -> int:
    from agent.console.cosigner import Cosigner
    from agent.console.serve import serve
    from agent.console.station import World

    world = World(
        clock=SystemClock(), random=os.urandom, random_01=random.SystemRandom().random, log=log
    )  # fmt: skip
    witness = None
    if config.witness is not None:
        witness = Cosigner(config, broker_settings(config.mqtt, f"witness-{config.witness.name}"), world)
    try:
        asyncio.run(serve(config, settings, world, metrics_token, witness))
    except* AgentError as group:
        raise first_error(group) from None
    return Exit.OK
