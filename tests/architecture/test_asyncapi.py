"""docs/formats/mqtt-v1/asyncapi.json: made by the generator, complete, and right by AsyncAPI's own schema."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped] # it publishes no types
import pytest

from tests.tools import asyncapi

ROOT = Path(__file__).resolve().parents[2]
MARKDOWN = ROOT / "docs/formats/mqtt-v1.md"
SPECIFICATION = ROOT / "tests/tools/npm/node_modules/@asyncapi/specs/schemas/3.0.0.json"
# The shape of all topics, not one of them.
SHAPE = "edgeward/v1/{box}/{entity}/{kind}/{type}"


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(asyncapi.DOCUMENT.read_text(encoding="utf-8"))
    return found


def test_the_committed_document_is_what_the_generator_gives() -> None:
    committed = asyncapi.DOCUMENT.read_text(encoding="utf-8")
    assert committed == asyncapi.render(), "run: python tests/tools/asyncapi.py"


def documented() -> set[tuple[str, str, str, str]]:
    """Topic, retained, class and schema of each row of the table in mqtt-v1.md."""
    table = MARKDOWN.read_text(encoding="utf-8").partition("| topic | retained | class | schema |\n")[2]
    found = set()
    for line in table.partition("\n\n")[0].splitlines()[1:]:
        topics, retained, priority, schemas = (cell.strip() for cell in line.strip("|").split(" | "))
        names = re.findall(r"`([^`]+)`", topics)
        last = names[0].rpartition("/")[0]
        full = [name.replace("…", last) for name in names]
        for topic, schema in zip(full, schemas.split(", "), strict=True):
            found.add((topic, retained, priority, schema))
    return found


def test_every_topic_of_the_contract_is_a_channel() -> None:
    table = {
        (
            said.topic,
            ("yes; empty clears" if said.can_be_cleared else "yes") if said.retained else "no",
            said.priority,
            said.schema,
        )
        for said in asyncapi.CHANNELS
    }
    assert len(documented()) > 15
    assert documented() == table


def test_every_topic_that_the_text_names_is_a_channel(document: dict[str, Any]) -> None:
    named = set(re.findall(r"`(edgeward/v1/[^`]+)`", MARKDOWN.read_text(encoding="utf-8"))) - {SHAPE}
    assert named
    assert named <= {channel["address"] for channel in document["channels"].values()}


@pytest.mark.requires("node packages")
def test_the_document_is_right_by_asyncapis_own_schema(document: dict[str, Any]) -> None:
    schema = json.loads(SPECIFICATION.read_text(encoding="utf-8"))
    validator = jsonschema.Draft7Validator(schema)
    assert [error.json_path for error in validator.iter_errors(document)] == []
    document["operations"]["say-box-m-box"]["action"] = "shout"
    assert list(validator.iter_errors(document)), "the schema judges nothing"
    document["operations"]["say-box-m-box"]["action"] = "send"


def references(value: Any) -> Iterator[str]:
    """Every `$ref` below `value`."""
    if isinstance(value, dict):
        if "$ref" in value:
            yield value["$ref"]
        for each in value.values():
            yield from references(each)
    elif isinstance(value, list):
        for each in value:
            yield from references(each)


def test_every_reference_leads_somewhere_and_everything_is_used(document: dict[str, Any]) -> None:
    used = set(references(document))
    for reference in used:
        target: Any = document
        assert reference.startswith("#/")
        for part in reference[2:].split("/"):
            target = target[part]
    for kind, members in document["components"].items():
        for name in members:
            assert f"#/components/{kind}/{name}" in used


def test_channels_operations_and_parameters_fit_together(document: dict[str, Any]) -> None:
    channels, operations = document["channels"], document["operations"]
    assert len({channel["address"] for channel in channels.values()}) == len(channels)
    spoken = [operation["channel"]["$ref"] for operation in operations.values()]
    assert sorted(spoken) == sorted(f"#/channels/{name}" for name in channels), "one operation each"
    for operation in operations.values():
        name = operation["channel"]["$ref"].rpartition("/")[2]
        inside = {each["$ref"] for each in operation["messages"]}
        assert inside == {f"#/channels/{name}/messages/{each}" for each in channels[name]["messages"]}
    for channel in channels.values():
        assert set(channel["parameters"]) == set(re.findall(r"\{(\w+)\}", channel["address"]))
    heard = [name for name, operation in operations.items() if operation["action"] == "receive"]
    assert heard == ["hear-command", "hear-cosign", "hear-rebirth"], "a box is told these and nothing else"
    assert not any(operations[name]["bindings"]["mqtt"]["retain"] for name in heard)
