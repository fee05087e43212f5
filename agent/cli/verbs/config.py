"""`edgeward config check | schema`."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from functools import partial

from agent.cli.common import add_config, config_of
from agent.cli.exits import Exit
from agent.formats.config_v1 import AgentConfig
from agent.model.errors import AgentError
from agent.runtime.load_config import ConfigError, read_secret, source_settings

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
    if wrong := list(_wrong_secrets(config)):
        raise ConfigError(tuple(f"{arguments.config}: {text}" for text in wrong))
    count = len(config.channel)
    print(f"{arguments.config}: good, {count} channel{'s' if count > 1 else ''}")
    return Exit.OK


def _wrong_secrets(config: AgentConfig) -> Iterator[str]:
    checks: list[tuple[str, Callable[[], object]]] = [
        (f"channel.{number}.source", partial(source_settings, one))
        for number, one in enumerate(config.channel)
    ]
    if config.mqtt is not None and config.mqtt.password_file is not None:
        checks.append(("mqtt.password_file", partial(read_secret, config.mqtt.password_file)))
    for key, check in checks:
        try:
            check()
        except AgentError as error:
            yield f"{key}: {error.text}: {error.advice}"
