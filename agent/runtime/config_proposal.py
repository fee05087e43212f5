"""Whether a sent configuration may take the place of the one in effect; how a part of one is changed.

Guarantees: who and where the box is stays as it is; no path of this machine comes in that a person has not
written into its file before, so that nobody far away makes the agent read or write elsewhere; what is wrong
is named as `edgeward config check` would. Leaves out trying it (`sent_config.py`). Errors are `Refuse`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator
from typing import Any

import tomli_w

from agent.formats.config_v1 import AgentConfig
from agent.model.errors import Refuse
from agent.runtime.command_arguments import wrong
from agent.runtime.load_config import ConfigError, fingerprint, understood, unusable_secrets

_MAX_ERRORS = 5
_DEVICES = ("/dev/v4l/", "/dev/video")


def checked(text: str, present: AgentConfig, installed: AgentConfig) -> AgentConfig:
    """What `text` says. Refuse `config.wrong`, `config.box`, `config.path`, `config.same`, `secret.*`."""
    try:
        config = understood(text, "the configuration that was sent")
    except ConfigError as error:
        lines = "; ".join(error.lines[:_MAX_ERRORS])
        raise Refuse(
            "config.wrong", f"it can't be used: {lines}", "run `edgeward config check` on it before sending"
        ) from None
    if config.box != present.box:
        raise Refuse(
            "config.box",
            "its table [box] differs from the box's own",
            "that table is changed on the box only",
        )
    known = {*_paths(present.model_dump(mode="json")), *_paths(installed.model_dump(mode="json"))}
    for path in _paths(config.model_dump(mode="json")):
        if path not in known and not path.startswith(_DEVICES):
            raise Refuse(
                "config.path",
                f"it names {path[:200]}, which the box's own file does not name",
                "write new paths into the file on the box; for a password use the name of a credential",
            )
    if fingerprint(config) == fingerprint(present):
        raise Refuse("config.same", "it says what is in effect already", "nothing needs to be done")
    for _, unusable in unusable_secrets(config):
        raise unusable
    return config


def with_plan(text: str, channel: str, plan: dict[str, Any]) -> str:
    """The configuration `text` with another plan for `channel`.

    Refuse `channel.unknown`, `command.bad-argument`; the plan's words are looked at by `checked`.
    """

    def change(table: dict[str, Any]) -> None:
        table["plan"] = plan

    if None in plan.values():
        raise wrong("plan")  # TOML has no null: what is not said is left out
    return _with_channel(text, channel, change)


def with_level(text: str, channel: str, level: int) -> str:
    """The configuration `text` with a higher level for `channel` (STD 5.3). Refuse `level.lowered`."""

    def change(table: dict[str, Any]) -> None:
        present = table.get("level", 4)
        if level <= present:
            raise Refuse(
                "level.lowered",
                f"channel {channel} has level {present}: this command only raises it",
                "a lower level is a new configuration: config.propose",
            )
        table["level"] = level

    return _with_channel(text, channel, change)


def _with_channel(text: str, channel: str, change: Callable[[dict[str, Any]], None]) -> str:
    raw = tomllib.loads(text)
    table = next((one for one in raw["channel"] if one["id"] == channel), None)
    if table is None:
        raise Refuse("channel.unknown", "this box has no such channel", "see `channels` in its birth")
    change(table)
    return tomli_w.dumps(raw)


def _paths(value: Any) -> Iterator[str]:
    """Every text that begins like a path, wherever it stands."""
    if isinstance(value, str) and value.startswith("/"):
        yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from _paths(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _paths(one)
