"""Every kind of recording passes the deep check: tickets, emergencies, level 5, k of n."""

from __future__ import annotations

import os
from pathlib import Path

from agent.formats.config_v1 import CustodianConfig
from agent.runtime.verify import OK, Level, verify_vault
from agent.seal.recording_key import new_key_pair
from tests.unit.runtime.disposals import CLINICAL, IMPORTANT, DisposalBox
from tests.unit.runtime.vaults import SmallBox


def test_with_tickets_with_none_left_and_with_level_5(tmp_path: Path) -> None:
    box = DisposalBox(tmp_path, (CLINICAL, IMPORTANT))
    with box.running() as life:
        box.bring(1)
        box.bring(1, level=5)
        made = [box.record(life, channel) for channel in (0, 0, 1)]
        life.book.checkpoint()
    manifests = [box.manifest(one) for one in made]
    assert [one["emergency"] for one in manifests] == [False, True, False]
    assert [one["ticket"] is None for one in manifests] == [False, True, False]
    assert manifests[2]["suite"] == "age-mlkem768x25519"
    report = verify_vault(box.vault, box.vkey, level=Level.DEEP)
    assert (report.result, report.problems, report.remarks) == (OK, (), ())


def test_with_several_custodians_together(tmp_path: Path) -> None:
    box = SmallBox(tmp_path)
    people = [new_key_pair(os.urandom).recipient for _ in range(3)]
    custodians = CustodianConfig(recipients=tuple(people), threshold=2)
    box.config = box.config.model_copy(update={"custodians": custodians})
    box.record(segments=1)
    report = verify_vault(box.vault, box.vkey, level=Level.DEEP)
    assert (report.result, report.problems, report.remarks) == (OK, (), ())
