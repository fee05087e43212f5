"""Reads the arguments of a command. What is wrong, missing or unknown is `command.bad-argument`. Pure."""

from __future__ import annotations

from agent.model.commands import Command
from agent.model.errors import Refuse


def wrong(name: str) -> Refuse:
    """The refusal of an argument."""
    return Refuse(
        "command.bad-argument", f"argument {name} is wrong or missing", "see docs/formats/commands-v1.md"
    )


def only(command: Command, *names: str) -> None:
    """Nothing but these may be given."""
    if unknown := sorted(set(command.args) - set(names)):
        raise wrong(unknown[0][:32])


def text(command: Command, name: str, most: int = 128) -> str:
    """1 to `most` characters."""
    value = command.args.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= most:
        raise wrong(name)
    return value


def number(command: Command, name: str, default: int | None, most: int) -> int:
    """An integer from 0 to `most`."""
    value = command.args.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
        raise wrong(name)
    return value


def flag(command: Command, name: str, default: bool | None = None) -> bool:
    """True or false."""
    value = command.args.get(name, default)
    if not isinstance(value, bool):
        raise wrong(name)
    return value
