"""Checks messages against docs/formats/mqtt-v1/*.schema.json.

Guarantees: only the words of JSON Schema that our schemas use are understood, an unknown word is an error;
a topic without a schema is an error too.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

SCHEMAS = Path(__file__).parents[2] / "docs/formats/mqtt-v1"
_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
    "array": (list,),
    "object": (dict,),
}
_KNOWN = {
    "$schema", "$id", "title", "description", "type", "properties", "required", "enum", "const", "items",
    "minimum", "allOf", "$ref", "additionalProperties", "pattern", "maxItems", "minItems",
}  # fmt: skip


def schema_of(topic: str) -> str:
    """The name of the schema for messages on `topic`."""
    _, _, _, _, kind, type_ = topic.split("/", 5)
    if kind in ("a", "status", "birth", "res", "check"):
        return kind
    return f"{kind}-{type_}"


def check_schema(name: str, value: Any) -> None:
    """AssertionError when `value` is not as the schema `name` says."""
    _check(json.loads((SCHEMAS / f"{name}.schema.json").read_text()), value)


def _check(schema: dict[str, Any], value: Any) -> None:
    assert schema.keys() <= _KNOWN
    for part in schema.get("allOf", []):
        _check(part, value)
    if "$ref" in schema:
        _check(json.loads((SCHEMAS / schema["$ref"]).read_text()), value)
    if "type" in schema:
        names = [schema["type"]] if isinstance(schema["type"], str) else schema["type"]
        assert any(isinstance(value, _TYPES[name]) for name in names), (schema, value)
    if "enum" in schema:
        assert value in schema["enum"], (schema, value)
    if "const" in schema:
        assert value == schema["const"]
    if value is None:
        return
    for name in schema.get("required", []):
        assert name in value, name
    for name, part in schema.get("properties", {}).items():
        if name in value:
            _check(part, value[name])
    for each in value if "items" in schema and isinstance(value, list) else []:
        _check(schema["items"], each)
