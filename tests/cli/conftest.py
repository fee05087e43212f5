"""Recorded boxes for the tests of the command line, made once: an honest one, and one with a killed channel.

Tests must not change them; what wants to do harm takes a `copy`.
"""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from agent.formats.ledger_v1 import LeafType
from tests.fakes.agents import Box, cli, make_box, running, wait_for_segments, wait_until

RECORDING, STOPPED = "while it recorded", "at once after the stop"


@dataclass(frozen=True, slots=True)
class Recorded:
    """A box that has recorded and stopped, and the id of its recording.

    `said` is what verbs answered `while it recorded` and `at once after the stop`.
    """

    box: Box
    recording: str
    said: Mapping[tuple[str, str], CompletedProcess[str]] = field(default_factory=dict)

    @property
    def directory(self) -> Path:
        return self.box.vault / "recordings" / self.recording


@pytest.fixture(scope="session")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    """Three segments of a second and no fault."""
    box = make_box(tmp_path_factory.mktemp("recorded"))
    said: dict[tuple[str, str], CompletedProcess[str]] = {}

    def ask(when: str, *verbs: str) -> None:
        for verb in verbs:
            said[when, verb] = cli(*verb.split(), "-c", str(box.config))

    with running(box) as agent:
        wait_for_segments(box, 1)
        wait_until("frames are durable", lambda: durable(box))
        ask(RECORDING, "status", "status --json", "verify", "recordings --json")
        wait_for_segments(box, 3)
    ask(STOPPED, "status", "status --json")
    assert agent.returncode == 0
    [opening] = box.leaves(LeafType.RECORDING_OPENED)
    return Recorded(box, str(opening.body["recording"]), said)


@pytest.fixture(scope="session")
def interrupted(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    """Its channel process was killed once, so that one segment is cut short."""
    box = make_box(tmp_path_factory.mktemp("interrupted"), segment_s=60.0)
    with running(box):
        wait_until("frames are durable", lambda: durable(box))
        os.kill(channel_pid(box), signal.SIGKILL)
        wait_for_segments(box, 1)  # the one that was cut short; the next is closed by the stop
        wait_until("frames are durable again", lambda: durable(box))
    [opening] = box.leaves(LeafType.RECORDING_OPENED)
    return Recorded(box, str(opening.body["recording"]))


def channel_pid(box: Box) -> int:
    [row] = box.status()["channels"]
    return int(row["pid"])


def durable(box: Box) -> bool:
    return any((row["last_durable_age_s"] or 99) < 1 for row in box.status()["channels"])


@pytest.fixture
def copy(recorded: Recorded, tmp_path: Path) -> Callable[[], Path]:
    """Copies the honest vault; gives the place of the copy."""

    def make() -> Path:
        return Path(shutil.copytree(recorded.box.vault, tmp_path / "copy", symlinks=True))

    return make
