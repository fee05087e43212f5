"""Operators in the configuration: one person, one name, one key; every mistake has its place and words."""

from __future__ import annotations

from typing import get_args

import pytest

from agent.formats import config_v1
from agent.formats.config_operators import OperatorConfig, broken_operators
from agent.formats.config_v1 import AgentConfig
from agent.ledger.signing import SigningKey
from agent.model.commands import Role
from tests.fakes.operators import KEYS, ROLES, configured, toml

BASE = """\
[box]
id = "or-3"
[custodians]
recipients = ["age1x"]
"""
CHANNEL = """
[[channel]]
id = "ch0"
category = "dt"
purpose = "test"
lawful_basis = "test"
[channel.source]
kind = "synthetic"
[channel.spec]
width = 160
height = 128
rate = "25"
"""


def problems(operators: str) -> list[tuple[int | None, str, str]]:
    found = config_v1.parse(BASE + operators + CHANNEL)
    assert not isinstance(found, AgentConfig)
    return [(one.line, one.key, one.text) for one in found]


def test_good_ones_are_read() -> None:
    found = config_v1.parse(BASE + toml() + CHANNEL)
    assert isinstance(found, AgentConfig), found
    assert found.operator == configured()
    assert {one.name: one.roles for one in found.operator} == dict(ROLES)


def test_the_roles_are_those_of_the_model() -> None:
    annotation = OperatorConfig.model_fields["roles"].annotation
    assert set(get_args(get_args(annotation)[0])) == {role.value for role in Role}


LI = KEYS["li"].verifier_key


@pytest.mark.parametrize(
    ("tables", "key", "words"),
    [
        (
            [("li", LI, '["operator"]'), ("li", KEYS["wang"].verifier_key, '["viewer"]')],
            "operator.1.name",
            "two",
        ),
        ([("li", LI, '["boss"]')], "operator.0.roles.0", "administrator"),
        ([("li", LI, "[]")], "operator.0.roles", "at least 1"),
        ([("wang", LI, '["viewer"]')], "operator.0.key", "edgeward.operator/wang"),
        ([("li", LI[:-2] + "x=", '["viewer"]')], "operator.0.key", "key"),
        ([("Li", LI, '["viewer"]')], "operator.0.name", "pattern"),
    ],
)
def test_a_mistake_has_its_place(tables: list[tuple[str, str, str]], key: str, words: str) -> None:
    text = "".join(f'[[operator]]\nname = "{n}"\nkey = "{k}"\nroles = {r}\n' for n, k, r in tables)
    found = problems(text)
    assert any(place == key and words in said and line for line, place, said in found), found
    assert all(LI not in said for _, _, said in found)


def test_the_same_key_under_two_names_is_found_by_its_bytes() -> None:
    one = SigningKey.generate(bytes(32), "edgeward.operator/a").verifier_key
    other = SigningKey.generate(bytes(32), "edgeward.operator/b").verifier_key
    raw = {"operator": [{"name": "a", "key": one}, {"name": "b", "key": other}]}
    assert list(broken_operators(raw)) == [
        (("operator", 1, "key"), "another operator has this very key: each needs their own")
    ]


@pytest.mark.parametrize("raw", [{}, {"operator": 1}, {"operator": [1, {}, {"name": 2, "key": []}]}])
def test_wrong_types_are_left_to_the_models(raw: dict[str, object]) -> None:
    assert list(broken_operators(raw)) == []
