"""The sentences of the checks as the console's page reads them: made from `agent/health/words`.

Guarantees: `made` gives the file's bytes for a language; `python -m tests.fakes.console_words` writes both.
A test holds the files against it, so a sentence that changes at the box changes in the page too.
"""

from __future__ import annotations

import json
from pathlib import Path

from agent.health.words import LANGUAGES
from agent.health.words.sentences import Sentence

PAGE = Path(__file__).parents[2] / "agent" / "console" / "page"


def path_of(language: str) -> Path:
    """Where the page finds them."""
    return PAGE / "static" / "words" / f"checks.{language}.json"


def made(language: str) -> bytes:
    """The whole file."""
    words = LANGUAGES[language]
    found = {
        "checks": {
            check: {
                "title": one.title,
                "messages": {name: _sentence(said) for name, said in one.messages.items()},
            }
            for check, one in words.checks.items()
        },
        "engine": {name: _sentence(said) for name, said in words.engine.items()},
        "skip_reasons": dict(words.skip_reasons),
        "owners": dict(words.owners),
    }  # fmt: skip
    return (json.dumps(found, ensure_ascii=False, indent=0) + "\n").encode()


def _sentence(said: Sentence) -> dict[str, object]:
    return {"text": said.text, "steps": list(said.steps)}


if __name__ == "__main__":
    for name in LANGUAGES:
        path_of(name).write_bytes(made(name))
