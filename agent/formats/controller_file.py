"""The TOML files of the controller's programs, console and witness: one way to read them.

Guarantees: every problem at once, as `key: text`, and none quotes a value of the file. Leaves out what the
files hold (`witness_config_v1.py`, `agent/console/config.py`), and `agent.toml`, which tells lines too
(`config_v1.py`).
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from pydantic import ValidationError

from agent.formats.config_model import StrictModel
from agent.formats.config_rules import Wrong, broken_rules

Model = TypeVar("Model", bound=StrictModel)
Rules = Callable[[Mapping[str, Any]], Iterable[Wrong]]


def parse_file(text: str, model: type[Model], rules: Rules = lambda _raw: ()) -> Model | tuple[str, ...]:
    """The file, or every problem in it. `rules`: what this program's own tables contradict."""
    try:
        raw = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        return (f"not TOML: {error}",)
    broken = [*broken_rules({"mqtt": raw.get("mqtt")}, _no_recipients), *rules(raw)]
    wrong = [(".".join(map(str, path)), words) for path, words in broken]
    try:
        found = model.model_validate(raw)
    except ValidationError as error:
        wrong += [
            (".".join(map(str, item["loc"])), item["msg"].removeprefix("Value error, "))
            for item in error.errors(include_input=False, include_context=False, include_url=False)
        ]
    else:
        if not wrong:
            return found
    return tuple(f"{key or 'file'}: {words}" for key, words in wrong)


def _no_recipients(_recipient: str) -> None:
    return
