"""`edgeward console` and `edgeward simulate` at the command line: what they refuse before they begin."""

from __future__ import annotations

import argparse
import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from agent.cli.exits import Exit
from agent.cli.verbs import console, simulate
from agent.model.errors import Refuse
from agent.runtime.load_config import ConfigError


def run(verb: ModuleType, *words: str) -> int:
    parser = argparse.ArgumentParser()
    verb.configure(parser)
    found: int = verb.run(parser.parse_args(words))
    return found


def config(folder: Path, text: str = "") -> str:
    file = folder / "console.toml"
    file.write_text(
        f'[console]\nname = "main"\nsite = "A"\ndatabase = "{folder}/db"\n{text}\n'
        '[mqtt]\nhost = "127.0.0.1"\ntls = false\n'
    )
    return str(file)


def test_a_good_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(console, "check", "-c", config(tmp_path)) == Exit.OK
    assert "good" in capsys.readouterr().out
    assert not (tmp_path / "db").exists()


def test_a_bad_file_names_its_lines(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as wrong:
        run(console, "check", "-c", config(tmp_path, "debug = true"))
    assert any("debug" in line for line in wrong.value.lines)


def test_without_the_extra_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        console, "find_spec", lambda name: None if name == "uvicorn" else importlib.util.find_spec(name)
    )
    with pytest.raises(Refuse, match=r"console\.not-installed") as refused:
        run(console, "run", "-c", config(tmp_path))
    assert "uvicorn" in refused.value.text
    assert "edgeward[console]" in refused.value.advice


@pytest.mark.parametrize(
    "words",
    [("--boxes", "0"), ("--boxes", "1", "--channels", "17"), ("--boxes", "1", "--host", "10.0.0.1")],
    ids=["no box", "too many channels", "in clear to another machine"],
)
def test_fleets_that_are_refused(words: tuple[str, ...]) -> None:
    with pytest.raises(Refuse, match=r"simulate\.arguments"):
        run(simulate, *words)
