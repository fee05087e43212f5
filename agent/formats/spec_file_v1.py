"""A collection spec in a file of its own, as `edgeward probe --spec` takes it: the keys of `[channel.spec]`.

Guarantees: the same strictness as in `agent.toml`, every problem at once with its line. Keys are explained in
docs/configuration.md; they stand at the top of the file, without a table around them.
"""

from __future__ import annotations

import tomllib
from difflib import get_close_matches

from pydantic import ValidationError

from agent.formats.config_spec import SpecConfig
from agent.formats.config_v1 import ConfigProblem
from agent.formats.toml_lines import line_of
from agent.model.spec import CollectionSpec


def parse_spec(text: str) -> CollectionSpec | tuple[ConfigProblem, ...]:
    """The spec, or every problem in it in the order of the file."""
    try:
        raw = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        return (ConfigProblem(line=None, key="", text=f"not TOML: {error}"),)
    try:
        return SpecConfig.model_validate(raw).to_spec()
    except ValidationError as error:
        problems = [
            ConfigProblem(
                line=line_of(text, item["loc"]),
                key=".".join(str(part) for part in item["loc"]),
                text=_words(str(item["loc"][-1]) if item["loc"] else "", item["type"], item["msg"]),
            )
            for item in error.errors(include_input=False, include_context=False, include_url=False)
        ]
        return tuple(sorted(problems, key=lambda problem: problem.line or 0))


def _words(key: str, kind: str, message: str) -> str:
    if kind == "extra_forbidden":
        near = get_close_matches(key, sorted(SpecConfig.model_fields), n=1)
        return "unknown key" + (f": did you mean {near[0]!r}?" if near else ": remove it")
    if kind == "missing":
        return "missing: add it"
    return message.removeprefix("Value error, ")
