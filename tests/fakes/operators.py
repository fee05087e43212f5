"""Operators with keys from counters, and a way to write their commands down, for tests of commands.

Guarantees: `write` gives notes that are good unless it is told to make them bad; ids and counters rise by
themselves. The nonce must be told after each start of the box.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from agent.control.operators import Operators
from agent.formats import command_v1, signed_note
from agent.formats.command_v1 import CommandBody
from agent.formats.config_operators import OperatorConfig
from agent.formats.signed_note import Note
from agent.ledger.signing import SigningKey, Verifier
from agent.model.commands import CommandType
from agent.model.ids import new_uuid7
from agent.model.outgoing import Json
from agent.model.times import NS_PER_S
from tests.fakes.clock import START_WALL_NS

ROLES: Mapping[str, tuple[str, ...]] = {
    "li": ("operator",),
    "wang": ("administrator",),
    "zhao": ("administrator", "approver"),
    "ida": ("viewer",),
}
KEYS = {
    name: SigningKey.generate(bytes([number] * 32), f"edgeward.operator/{name}")
    for number, name in enumerate([*ROLES, "stranger"])
}


def configured() -> tuple[OperatorConfig, ...]:
    return tuple(
        OperatorConfig.model_validate({"name": name, "key": KEYS[name].verifier_key, "roles": list(roles)})
        for name, roles in ROLES.items()
    )


def operators() -> Operators:
    return Operators(configured(), Verifier)


def toml() -> str:
    """The tables for a configuration file."""
    return "".join(
        f'[[operator]]\nname = "{one.name}"\nkey = "{one.key}"\nroles = {list(one.roles)}\n'
        for one in configured()
    )


def sign(text: str, *names: str) -> bytes:
    """`text` with one line by each of `names`, in their order."""
    lines = tuple(signed_note.parse(KEYS[name].sign_note(text)).signatures[0] for name in names)
    return signed_note.encode(Note(text=text, signatures=lines))


@dataclass(slots=True)
class Office:
    """Where operators write commands for one box."""

    box: str
    wall_ns: int = START_WALL_NS
    nonce: str | None = None
    counter: int = 0
    last_id: str = field(default="")

    def text(self, kind: CommandType, by: str, **changes: Json) -> str:
        """A command's text; `changes` are fields of `CommandBody`."""
        self.counter += 1
        self.last_id = new_uuid7(self.wall_ns, os.urandom(10))
        fields: dict[str, object] = {
            "cmd_id": self.last_id,
            "type": kind,
            "by": by,
            "box": self.box,
            "issued_ns": self.wall_ns,
            "not_after_ns": self.wall_ns + 3600 * NS_PER_S,
            "counter": self.counter,
            "nonce": None,
            "args": {},
            **changes,
        }
        self.last_id = str(fields["cmd_id"])
        return command_v1.encode(CommandBody(**fields))  # type: ignore[arg-type] # named by the test

    def write(self, kind: CommandType, *names: str, **changes: Json) -> bytes:
        """A signed command of `names`."""
        return sign(self.text(kind, names[0], **changes), *names)
