"""`edgeward config check | show | schema`."""

from __future__ import annotations

import argparse
import json
import sys

from agent.cli.common import add_config
from agent.cli.exits import Exit
from agent.formats.config_v1 import AgentConfig
from agent.runtime.effective_config import Effective, effective
from agent.runtime.load_config import ConfigError, unusable_secrets
from agent.runtime.sent_config import State

EXAMPLE = "edgeward config check -c agent.toml"


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of this verb."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    check = actions.add_parser("check", help="read the file and the secrets it names, say every error")
    add_config(check)
    show = actions.add_parser("show", help="print the configuration in effect, the file or a sent one")
    add_config(show)
    actions.add_parser("schema", help="print the JSON Schema, for editors")


def run(arguments: argparse.Namespace) -> int:
    """Exit 78 and one line per error when the file is wrong."""
    if arguments.action == "schema":
        print(json.dumps(AgentConfig.model_json_schema(), indent=2, ensure_ascii=False))
        return Exit.OK
    chosen = effective(arguments.config)
    if arguments.action == "show":
        print(f"# {_origin(chosen)}\n{chosen.text}", end="")
        return Exit.OK
    config = chosen.installed
    if wrong := list(unusable_secrets(config)):
        raise ConfigError(
            tuple(f"{arguments.config}: {key}: {error.text}: {error.advice}" for key, error in wrong)
        )
    count = len(config.channel)
    print(f"{arguments.config}: good, {count} channel{'s' if count > 1 else ''}")
    for channel in config.channel:
        if channel.plan is None:
            print(f"{channel.id} has no [channel.plan]: nothing will be recorded on it", file=sys.stderr)
    if chosen.state is not State.INSTALLED:
        print(f"not in effect: {_origin(chosen)}; see edgeward config show", file=sys.stderr)
    return Exit.OK


def _origin(chosen: Effective) -> str:
    """Where the configuration in effect comes from."""
    if chosen.state is State.INSTALLED:
        return "the file on this box"
    return f"{chosen.state.value}, sent with command {chosen.cmd_id}"
