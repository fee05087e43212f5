"""`edgeward run`: the daemon."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys

from agent.cli.common import add_config, first_error, log, tell
from agent.cli.exits import Exit
from agent.host.clock import SystemClock
from agent.model.errors import AgentError
from agent.runtime.effective_config import Effective, begin, give_up
from agent.runtime.keeper import Keeper
from agent.runtime.sent_config import State

EXAMPLE = "edgeward run -c /etc/edgeward/agent.toml"


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of this verb."""
    add_config(parser)


def run(arguments: argparse.Namespace) -> int:
    """Until a signal. Exit 78 for a wrong configuration, so that systemd does not try again."""
    chosen = begin(arguments.config)
    keeper = Keeper(chosen, SystemClock(), log)
    failure: AgentError | None = None
    anew = False
    try:
        anew = asyncio.run(keeper.run())
    except* AgentError as group:
        failure = first_error(group)
    if failure is not None:
        _go_back_or_raise(chosen, failure)
    elif not anew:
        return Exit.OK
    keeper.prepare_restart()
    # The same program with the same words: nothing of the old configuration is left in the process.
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 (no shell is meant)
    return Exit.FAILED


def _go_back_or_raise(chosen: Effective, failure: AgentError) -> None:
    """A sent configuration that the agent can't start under is given up; any other failure ends the agent."""
    if chosen.state is not State.TRIAL:
        raise failure
    tell(failure)
    log("the configuration that was sent is given up; starting with the one before it")
    give_up(chosen, failure.code)
