"""`edgeward run`: the daemon."""

from __future__ import annotations

import argparse
import asyncio
import sys

from agent.cli.common import add_config, config_of
from agent.cli.exits import Exit
from agent.host.clock import SystemClock
from agent.model.errors import AgentError
from agent.runtime.keeper import Keeper

EXAMPLE = "edgeward run -c /etc/edgeward/agent.toml"


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of this verb."""
    add_config(parser)


def run(arguments: argparse.Namespace) -> int:
    """Until a signal. Exit 78 for a wrong configuration, so that systemd does not try again."""
    config = config_of(arguments)
    keeper = Keeper(config, SystemClock(), _log)
    try:
        asyncio.run(keeper.run())
    except* AgentError as group:
        first = group.exceptions[0]
        while isinstance(first, BaseExceptionGroup):
            first = first.exceptions[0]
        failure = first
    else:
        return Exit.OK
    raise failure


def _log(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
