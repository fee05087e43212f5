"""`edgeward config check | schema`."""

from __future__ import annotations

import argparse
import json

from agent.cli.common import add_config, config_of
from agent.cli.exits import Exit
from agent.formats.config_v1 import AgentConfig
from agent.runtime.load_config import read_secret, source_settings

EXAMPLE = "edgeward config check -c agent.toml"


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of this verb."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    check = actions.add_parser("check", help="read the file and the secrets it names, say every error")
    add_config(check)
    actions.add_parser("schema", help="print the JSON Schema, for editors")


def run(arguments: argparse.Namespace) -> int:
    """Exit 78 and one line per error when the file is wrong."""
    if arguments.action == "schema":
        print(json.dumps(AgentConfig.model_json_schema(), indent=2, ensure_ascii=False))
        return Exit.OK
    config = config_of(arguments)
    for channel in config.channel:
        source_settings(channel)
    if config.mqtt is not None and config.mqtt.password_file is not None:
        read_secret(config.mqtt.password_file)
    count = len(config.channel)
    print(f"{arguments.config}: good, {count} channel{'s' if count > 1 else ''}")
    return Exit.OK
