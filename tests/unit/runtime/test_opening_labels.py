"""A segment whose sealed label differs from the opening leaf's is refused, though its hash is right."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from agent.model.outgoing import Json
from agent.runtime.opening import Opened, open_recording_to
from tests.unit.runtime.vaults import FRAMES, SmallBox, enter, write_segment


def opened(box: SmallBox, says: dict[str, Json]) -> Opened:
    """A recording of two segments, the second of which says `says` of itself; its leaf is honest."""
    with box.running() as run:
        recording = box.begin(run)
        enter(run, recording, write_segment(recording, 0, box.clock), box.clock)
        enter(run, recording, write_segment(recording, 1, box.clock, says=says), box.clock)
    with box.running():
        pass
    assert box.verify().result == "ok"
    return open_recording_to(box.vault, recording.recording, [box.custodian.identity], io.BytesIO())


@pytest.mark.parametrize(
    ("says", "words"),
    [
        ({"level": 2}, "level"),
        ({"level": "4"}, "level"),
        ({"level": None}, "level"),
        ({"category": "mm"}, "category"),
        ({"purpose": "advertising"}, "purpose"),
        ({"purpose": None}, "purpose"),
        ({"category": "er", "level": 3, "purpose": "x"}, "category and level and purpose"),
    ],
)
def test_another_label_inside_than_in_the_ledger_is_refused(
    tmp_path: Path, says: dict[str, Json], words: str
) -> None:
    found = opened(SmallBox(tmp_path), says)
    assert found.problems == (f"segment 1: its sealed label says another {words} than the ledger",)
    assert (found.segments, found.frames) == (1, FRAMES)


@pytest.mark.parametrize("says", [{}, {"purpose": "test"}], ids=["an older segment", "with its purpose"])
def test_the_same_label_opens(tmp_path: Path, says: dict[str, Json]) -> None:
    found = opened(SmallBox(tmp_path), says)
    assert (found.problems, found.segments) == ((), 2)
