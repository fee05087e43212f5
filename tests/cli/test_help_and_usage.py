"""What a person sees who asks for help or mistypes: verbs by who needs them, examples, exit code 64."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from agent import __version__
from agent.cli.exits import Exit
from agent.cli.main import GROUPS, VERBS, _parser
from tests.fakes.agents import ROOT, cli
from tests.fakes.clips import write_clip

NAMES = [name for name, _ in VERBS]


def on_a_terminal(*arguments: str) -> list[str]:
    """The lines on a screen of 80 columns."""
    done = subprocess.run(
        [sys.executable, "-m", "agent.cli.main", *arguments],
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "80"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def test_the_help_is_short_and_by_who_needs_it() -> None:
    lines = on_a_terminal("--help")
    assert len(lines) <= len(VERBS) + len(GROUPS) + 10
    for title, rows in GROUPS:
        place = lines.index(f"{title}:")
        assert [line.split()[0] for line in lines[place + 1 :][: len(rows)]] == [name for name, _ in rows]
    assert max(map(len, lines)) <= 80
    text = "\n".join(lines)
    for name, purpose in VERBS:
        assert any(line.split()[:1] == [name] for line in lines)
        assert purpose.split()[0] in text
    assert "docs/formats/exit-codes.md" in text


@pytest.mark.parametrize("verb", NAMES)
def test_the_help_of_each_verb_has_an_example_that_parses(verb: str) -> None:
    lines = on_a_terminal(verb, "--help")
    assert max(map(len, lines)) <= 80
    text = " ".join(" ".join(lines).split())
    _, found, example = text.rpartition("example: ")
    assert found
    words = shlex.split(example.partition("   ")[0].partition(" (")[0])
    assert words[:2] == ["edgeward", verb]
    assert _parser(verb).parse_args(words[1:]).verb == verb


def test_the_version() -> None:
    assert on_a_terminal("--version") == [f"edgeward {__version__}"]


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("nonsense",),
        ("config", "nonsense"),
        ("open", "01a20b87-3fc9-73f8-8307-89737bba7342", "-o", "x"),
        ("probe", "x", "--seconds", "soon"),
    ],
)
def test_a_mistyped_call_is_exit_64_with_the_usage(arguments: tuple[str, ...]) -> None:
    done = cli(*arguments)
    assert done.returncode == 64
    assert done.stdout == ""
    assert done.stderr.startswith("usage: edgeward")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("seconds", ["nan", "-1"])
def test_a_time_that_makes_no_sense_is_a_mistyped_call(tmp_path: Path, seconds: str) -> None:
    clip = write_clip(tmp_path / "clip.mp4", frames=5)
    done = cli("probe", str(clip), "--seconds", seconds)
    assert "Traceback" not in done.stderr
    assert done.returncode == Exit.USAGE
