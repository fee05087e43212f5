"""`edgeward check` on real boxes: one that records, one that has stopped."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest

from agent.formats.ledger_v1 import LeafType
from agent.health.checks import CHECKS
from agent.ledger.signing import Verifier
from agent.runtime.check_reports import read_report
from tests.cli.conftest import Recorded
from tests.fakes.agents import cli, make_box, running, wait_for_segments, wait_until


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
    [("zh", "处理步骤（由谁处理：医院信息科）："), ("en", "Do this (whose work: hospital IT):")],
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


def test_every_check_on_a_recording_box_breaks_nothing_and_leaves_it_recording(tmp_path: Path) -> None:
    box = make_box(tmp_path)
    with running(box):
        wait_for_segments(box, 2)
        done = cli("check", "-c", str(box.config), "--json", "--lang", "zh")
        at_check = box.status()["channels"][0]["segments"]
        wait_for_segments(box, at_check + 1)
        assert box.status()["channels"][0]["restarts"] == 0
    found = json.loads(done.stdout)["findings"]
    assert [one["check"] for one in found] == [check.id for check in CHECKS]
    assert [one["check"] for one in found if one["status"] == "crash"] == []
    by_id = {one["check"]: one for one in found}
    for check in ("plan.state", "vid.content", "spec.hour", "spec.enforce", "host.version", "ledger.log"):
        assert (check, by_id[check]["status"]) == (check, "pass")
    assert by_id["mqtt.acl"]["values"]["reason"] == "not-configured"
    assert box.verify().ok


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


def test_a_report_has_a_masked_picture_of_each_channel_but_of_level_5(tmp_path: Path) -> None:
    box = make_box(tmp_path, channels=2)
    second = box.config.read_text().rpartition("level = 4")
    strong = cli("keygen", "--post-quantum", "-o", str(tmp_path / "strong.txt")).stdout.strip()
    text = second[0] + "level = 5" + second[2]
    box.config.write_text(text.replace('recipients = ["', f'recipients = ["{strong}", "', 1))
    with running(box):
        wait_until(
            "a picture was looked at",
            lambda: bool(box.status()["channels"] and box.status()["channels"][0]["picture"]),
        )
        wait_for_segments(box, 4)
        rows = box.status()["channels"]
        words = ("check", "-c", str(box.config), "--only", "crypto.key", "--technician", "li")
        done = cli(*words, "--report", str(tmp_path / "reports"))
    assert [row["picture"] is None for row in rows] == [False, True]
    [path, _, _] = done.stderr.splitlines()
    vkey = (tmp_path / "state" / "signing.vkey").read_text().strip()
    [masked] = read_report(Path(path).read_bytes(), Verifier(vkey)).pictures
    assert masked.channel == "ch0"
    digits = "".join(masked.rows)
    assert len(set(digits)) > 1
    # Nowhere else: not in the ledger, not in the outbox, not in the log.
    kept = [one for one in tmp_path.rglob("*") if one.is_file() and one.parent.name not in ("reports", "run")]
    assert not any(digits.encode() in one.read_bytes() for one in kept)
