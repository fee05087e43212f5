"""`edgeward check` on real boxes: one that records, one that has stopped."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest

from agent.formats.ledger_v1 import LeafType
from agent.health.checks import CHECKS
from tests.cli.conftest import Recorded
from tests.fakes.agents import cli, make_box, running, wait_for_segments


def test_a_recording_box_passes_what_concerns_its_pictures(tmp_path: Path) -> None:
    box = make_box(tmp_path)
    with running(box):
        wait_for_segments(box, 1)
        done = cli("check", "-c", str(box.config), "--json", "--only", "vid.signal", "--only", "vid.mode")
    found = json.loads(done.stdout)
    assert [(one["check"], one["channel"], one["status"]) for one in found["findings"]] == [
        ("vid.signal", "ch0", "pass"),
        ("vid.mode", "ch0", "pass"),
    ]
    assert (found["result"], found["complete"], done.returncode) == (0, True, 0)


def test_without_an_agent_a_visit_is_incomplete_and_the_ledger_is_still_checked(recorded: Recorded) -> None:
    done = cli(
        "check", "-c", str(recorded.box.config), "--json", "--only", "vid.signal", "--only", "ledger.log"
    )
    found = json.loads(done.stdout)
    by_id = {one["check"]: one for one in found["findings"]}
    assert by_id["ledger.log"]["status"] == "pass"
    assert (by_id["vid.signal"]["status"], by_id["vid.signal"]["values"]["reason"]) == ("skip", "no-agent")
    assert (found["result"], found["complete"], done.returncode) == (2, False, 2)


@pytest.mark.parametrize(
    ("language", "words"),
    [("zh", "处理步骤 (由谁处理: 医院信息科)"), ("en", "Do this (Whose work: hospital IT)")],
    ids=["zh", "en"],
)
def test_a_technician_reads_steps_in_his_language(tmp_path: Path, language: str, words: str) -> None:
    box = make_box(tmp_path)
    (box.root / "state").mkdir(exist_ok=True)
    (box.root / "state" / "signing.key").touch(mode=0o644)
    done = cli("check", "-c", str(box.config), "--lang", language, "--only", "crypto.key")
    assert done.returncode == 1
    assert words in done.stdout
    assert "0644" in done.stdout


def test_a_report_is_entered_by_the_running_agent_else_it_says_that_it_is_not(tmp_path: Path) -> None:
    box = make_box(tmp_path)
    words = ("check", "-c", str(box.config), "--only", "ledger.log", "--technician", "li")
    with running(box):
        wait_for_segments(box, 1)
        done = cli(*words, "--report", str(tmp_path / "reports"))
        [path, sha256, said] = done.stderr.splitlines()
    [leaf] = box.leaves(LeafType.CHECK_REPORT)
    assert said == f"leaf {leaf.n} of the ledger"
    assert leaf.body["sha256"] == sha256 == hashlib.sha256(Path(path).read_bytes()).hexdigest()
    assert (leaf.body["technician"], leaf.body["run"], leaf.actor) == ("li", None, f"uid:{os.geteuid()}")
    assert box.verify().ok
    later = cli(*words, "--report", str(tmp_path / "reports"))
    said = later.stderr.splitlines()[-1]
    assert said.startswith("the report is not in the ledger: ") and "no agent listens" in said
    assert len(box.leaves(LeafType.CHECK_REPORT)) == 1


def test_the_list_names_every_check(tmp_path: Path) -> None:
    done = cli("check", "--list")
    assert [line.split()[0] for line in done.stdout.splitlines()] == [check.id for check in CHECKS]
    assert done.returncode == 0


def test_an_unknown_check_is_refused(recorded: Recorded) -> None:
    done = cli("check", "-c", str(recorded.box.config), "--only", "vid.colour")
    assert done.returncode == 1
    assert "check.unknown" in done.stderr


def test_nagios_gets_one_line_and_its_own_codes(recorded: Recorded) -> None:
    done = cli(
        "check", "-c", str(recorded.box.config), "--nagios", "--only", "crypto.key", "--only", "vid.signal"
    )
    assert done.returncode == 3
    assert done.stdout.startswith("EDGEWARD UNKNOWN - 1 good, 0 to watch, 0 wrong, 1 unchecked, 0 broken")
