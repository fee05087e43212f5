"""`[[operator]]` of `agent.toml`: whose commands this box takes, and what each of them may do. Pure.

Guarantees: two operators never share a name or a key, a key is named like its operator, and roles are those
of the model's table (STD 7.6 a); every error comes with the path of the key to change. Leaves out whether
a key is a point of the curve: the caller finds that when it makes the verifiers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from pydantic import Field

from agent.formats.command_v1 import KEY_PREFIX, OPERATOR_PATTERN
from agent.formats.config_model import StrictModel
from agent.formats.config_rules import Wrong
from agent.formats.signed_note import parse_vkey
from agent.model.errors import Refuse


class OperatorConfig(StrictModel):
    """A person who may sign commands."""

    name: str = Field(pattern=OPERATOR_PATTERN, description="As in the name of the key.")
    key: str = Field(description="Verifier key, as `edgeward command keygen` prints it.")
    roles: tuple[Literal["viewer", "operator", "administrator", "approver"], ...] = Field(
        min_length=1, strict=False, description="What this person may do (docs/formats/commands-v1.md)."
    )


def broken_operators(raw: Mapping[str, Any]) -> Iterator[Wrong]:
    """What contradicts itself in the operators of the TOML value `raw`."""
    operators = raw.get("operator")
    names: set[str] = set()
    keys: set[bytes] = set()
    for number, operator in enumerate(operators if isinstance(operators, list) else []):
        if not isinstance(operator, dict):
            continue
        name, vkey = operator.get("name"), operator.get("key")
        if isinstance(name, str):
            if name in names:
                yield ("operator", number, "name"), f"two operators are called {name[:32]!r}"
            names.add(name)
        if not isinstance(vkey, str):
            continue
        try:
            key_name, public = parse_vkey(vkey)
        except Refuse as error:
            yield ("operator", number, "key"), f"{error.text}: {error.advice}"
            continue
        if isinstance(name, str) and key_name != KEY_PREFIX + name:
            yield ("operator", number, "key"), f"the key of this operator is called {KEY_PREFIX}{name[:32]}"
        if public in keys:
            yield ("operator", number, "key"), "another operator has this very key: each needs their own"
        keys.add(public)
