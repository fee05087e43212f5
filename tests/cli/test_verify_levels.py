"""`edgeward verify --quick | --deep`: what is printed, what JSON says, and the exit codes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agent.cli.exits import Exit
from tests.cli.conftest import Recorded
from tests.fakes.agents import cli


def verify(recorded: Recorded, vault: Path, *more: str) -> tuple[int, str]:
    key = str(recorded.box.root / "state" / "signing.vkey")
    done = cli("verify", str(vault), "--key", key, *more)
    assert done.stderr == ""
    return done.returncode, done.stdout


@pytest.mark.parametrize(
    ("option", "level", "words"),
    [
        ((), "normal", "ok: "),
        (("--quick",), "quick", "ok: quick check, "),
        (("--deep",), "deep", "ok: deep check, "),
    ],
)
def test_a_real_recording_is_ok_at_every_level(
    recorded: Recorded, option: tuple[str, ...], level: str, words: str
) -> None:
    """Also that what a real agent writes passes every deep check."""
    code, text = verify(recorded, recorded.box.vault, *option, "--json")
    report: dict[str, Any] = json.loads(text)
    assert (code, report["result"], report["level"]) == (Exit.OK, "ok", level)
    assert (report["problems"], report["remarks"], report["attacks"]) == ([], [], [])
    code, text = verify(recorded, recorded.box.vault, *option)
    assert code == Exit.OK
    assert text.startswith(words)


def test_a_recording_that_was_cut_short_passes_the_deep_check(interrupted: Recorded) -> None:
    code, text = verify(interrupted, interrupted.box.vault, "--deep", "--json")
    report = json.loads(text)
    assert (code, report["result"], report["problems"]) == (Exit.OK, "ok-with-gaps", [])


def test_a_changed_segment_is_beyond_the_quick_check(recorded: Recorded, copy: Callable[[], Path]) -> None:
    vault = copy()
    path = vault / "recordings" / recorded.recording / "00000001.mp4.age"
    data = path.read_bytes()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    assert verify(recorded, vault, "--quick")[0] == Exit.OK
    for option in ((), ("--deep",)):
        code, text = verify(recorded, vault, *option)
        assert code == Exit.FAILED
        assert "  LOOKS LIKE edited: recordings/" in text


def test_a_missing_segment_is_not(recorded: Recorded, copy: Callable[[], Path]) -> None:
    vault = copy()
    (vault / "recordings" / recorded.recording / "00000001.mp4.age").unlink()
    code, text = verify(recorded, vault, "--quick")
    assert code == Exit.FAILED
    assert "00000001.mp4.age is missing" in text


def test_there_is_one_level_at_a_time(recorded: Recorded) -> None:
    done = cli("verify", str(recorded.box.vault), "--quick", "--deep")
    assert done.returncode == Exit.USAGE
    assert "not allowed with argument" in done.stderr
