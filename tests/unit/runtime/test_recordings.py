"""A recording has the plan's labels in both places, and without a plan there is none (STD 6.1)."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from agent.formats.ledger_v1 import LeafType
from agent.model.errors import Refuse
from agent.runtime.recordings import begin
from agent.vault.layout import MANIFEST_NAME
from tests.unit.runtime.vaults import SmallBox

LABELS = {
    "category": "dt",
    "level": 4,
    "purpose": "test",
    "lawful_basis": "test",
    "scene": "imaging-diagnosis",
    "place": ["test-room"],
    "responsible": "tester",
    "policy": "test-1",
    "tracks": ["video"],
    "retention": None,
    "retain_until": None,
}


def test_manifest_and_opening_leaf_carry_the_same_labels(tmp_path: Path) -> None:
    box = SmallBox(tmp_path)
    with box.running() as run:
        recording = box.begin(run)
        [leaf] = [one for one in run.booted.ledger.leaves() if one.type is LeafType.RECORDING_OPENED]
    manifest = json.loads((recording.directory / MANIFEST_NAME).read_bytes())
    for place in (manifest, leaf.body):
        assert {name: place[name] for name in LABELS} == LABELS


def test_without_a_plan_no_recording_is_opened_and_nothing_is_left(tmp_path: Path) -> None:
    box = SmallBox(tmp_path)
    [channel] = box.config.channel
    bare = channel.model_copy(update={"plan": None})
    with box.running() as run:
        before = run.book.leaves
        with pytest.raises(Refuse) as refused:
            begin(
                box.vault,
                box.config.box.id,
                bare,
                box.config.custodians,
                run.book,
                box.clock.now(),
                os.urandom,
            )
        assert refused.value.code == "plan.missing"
        assert run.book.leaves == before
    assert not list((box.vault / "recordings").glob("*/*"))
