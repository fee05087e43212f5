"""The track `deidentified` in a real agent: what it may not make it does not make, and the original goes on.

The face model itself is not part of the project (`edgeward models install` fetches it), so these agents have
none, or another one; what comes out with a detector is looked at in
`tests/unit/runtime/test_derivative_process.py`, over the same sockets and files.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from agent.deid.models import FACES, FOLDER
from agent.formats.ledger_v1 import LeafType
from tests.fakes.agents import PLAN, Box, cli, make_box, running, wait_for_segments, wait_until
from tests.fakes.derived_films import POLICY

NEWTECH = POLICY.replace('purpose = "general"', 'purpose = "newtech"') + (
    '\n[study]\nreference = "S1"\nlongest_s = 60.0\n'
    '[study.field]\nx = "0"\ny = "0"\nwidth = "1"\nheight = "1"\n'
)


def box_with_track(root: Path, policy: str | None) -> Box:
    """A box whose channel has the track, under this policy."""
    box = make_box(root)
    made = cli("keygen", "-o", str(root / "teacher.txt"))
    named = ""
    if policy is not None:
        (root / "policy.toml").write_text(policy)
        named = f'policy = "{root}/policy.toml", '
    track = (
        f'{{ {named}level = 3, purpose = "teaching", lawful_basis = "consent", '
        f'recipients = ["{made.stdout.strip()}"] }}'
    )
    text = box.config.read_text()
    assert PLAN in text
    box.config.write_text(text.replace(PLAN, f"{PLAN[:-2]}, tracks = {{ deidentified = {track} }} }}"))
    return box


def wrong_model(box: Box) -> None:
    folder = box.root / "state" / FOLDER
    folder.mkdir(parents=True)
    (folder / FACES.file).write_bytes(b"not the model that was pinned")


def nothing(_box: Box) -> None:
    return


@pytest.mark.parametrize(
    ("policy", "prepare", "code"),
    [
        (POLICY, nothing, "deid.no-model"),
        (POLICY, wrong_model, "deid.model-hash"),
        (None, nothing, "deid.no-policy"),
        (POLICY.replace("[approved]", "[approved_by]"), nothing, "deid.unapproved"),
        (NEWTECH, nothing, "deid.purpose"),
    ],
    ids=["model-missing", "model-of-other-bytes", "no-policy", "unapproved", "purpose-not-live"],
)
def test_a_derivative_that_may_not_be_made_costs_the_original_nothing(
    tmp_path: Path, policy: str | None, prepare: Callable[[Box], None], code: str
) -> None:
    box = box_with_track(tmp_path, policy)
    prepare(box)
    with running(box) as agent:
        wait_for_segments(box, 2)
        wait_until("the refusal", lambda: bool(box.leaves(LeafType.REFUSED)))
        wait_until(
            "the alarm",
            lambda: (code, "ch0-deid") in {(a["code"], a["entity"]) for a in box.status()["alarms"]},
        )
    assert agent.returncode == 0
    [refused] = box.leaves(LeafType.REFUSED)
    assert (refused.body["what"], refused.body["code"]) == ("deidentify", code)
    assert {leaf.body["channel"] for leaf in box.leaves(LeafType.RECORDING_OPENED)} == {"ch0"}
    segments = [leaf.body for leaf in box.leaves(LeafType.SEGMENT)]
    assert {segment["channel"] for segment in segments} == {"ch0"}
    assert {segment["verdict"] for segment in segments[:-1]} == {"conforming"}
    # What is missing is missing in the derivative alone, and says why.
    gaps = {(leaf.body["channel"], leaf.body["cause"]) for leaf in box.leaves(LeafType.GAP)}
    assert gaps == {("ch0-deid", "refused")}
    assert box.verify().result == "ok-with-gaps"


def test_no_recording_without_its_original(tmp_path: Path) -> None:
    box = box_with_track(tmp_path, POLICY)
    text = box.config.read_text()
    box.config.write_text(text.replace('place = ["lab"]', 'place = ["bathroom"]'))
    with running(box):
        wait_until("the plan's refusal", lambda: bool(box.leaves(LeafType.REFUSED)))
    assert {leaf.body["what"] for leaf in box.leaves(LeafType.REFUSED)} == {"capture"}
    assert not box.leaves(LeafType.RECORDING_OPENED)
