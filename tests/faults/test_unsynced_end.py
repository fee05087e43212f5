"""A disk that fails a sync and has no room to write the segment again, and then the power goes.

What must hold: the leaf says up to where the segment had surely been saved, so that `verify` tells the lost
end as a remark and calls nothing tampered, and each picture before it can be opened; what follows is a gap.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.formats.ledger_v1 import LeafType
from agent.ledger.check import read_leaves
from agent.runtime.boot import PUBLIC_NAME
from agent.runtime.verify import verify_vault
from tests.fakes.box_accounts import problems_of
from tests.fakes.box_lives import BoxLives, Play
from tests.fakes.fault_matrix import AFTERWARDS
from tests.fakes.faulty_disk import CHANNEL, KEEPER, SYNCS, Call, Strike

LIFE = (Play(15), Play(7, stop=True), Play(6, stop=True))


def _copies(call: Call) -> bool:
    return call.side == KEEPER and call.path.endswith(".mp4.age.new") and call.makes


def _syncs_of_segments(folder: Path) -> list[int]:
    box = BoxLives(folder)
    assert box.live(*LIFE) is None
    return [
        call.number
        for call in box.disk.calls
        if call.side == CHANNEL and call.name in SYNCS and call.path.endswith(".mp4.age")
    ]


def _struck_box(folder: Path, number: int) -> BoxLives:
    """The call fails, no copy can be made, and then the agent runs once more."""
    box = BoxLives(folder)

    def struck(call: Call) -> Strike | None:
        if call.number == number:
            return Strike.EIO
        return Strike.ENOSPC if _copies(call) else None

    box.disk.strike = struck
    box.live(*LIFE)
    assert any(_copies(call) for call in box.disk.calls), "the keeper did not try to write it again"
    box.disk.strike = lambda _call: None
    assert box.live(*AFTERWARDS) is None
    return box


@pytest.mark.parametrize("names_kept", [False, True], ids=["only data is left", "names and sizes are left"])
def test_no_sync_that_fails_makes_a_power_cut_look_like_tampering(tmp_path: Path, names_kept: bool) -> None:
    numbers = _syncs_of_segments(tmp_path / "whole")
    assert len(numbers) >= 4
    remarks = 0
    for number in numbers:
        box = _struck_box(tmp_path / str(number), number)
        cut = [
            leaf.body
            for leaf in read_leaves(box.vault / "ledger")
            if leaf.type is LeafType.SEGMENT and leaf.body["final"] is False
        ]
        assert [body["reason"] for body in cut] == ["disk"]
        box.disk.power_cut(names_kept=names_kept)
        assert problems_of(box) == [], f"call {number}"
        report = verify_vault(box.vault, (box.root / "state" / PUBLIC_NAME).read_text().strip())
        [synced] = [body["synced_bytes"] for body in cut]
        assert len(report.remarks) == (synced is not None)
        remarks += len(report.remarks)
    assert remarks > 0, "no fault left anything unsynced"
