"""Each rule of abnormal access: what it finds, and what is usual and must not be found (STD 7.4 c)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest

from agent.audit.finding import Timeline
from agent.audit.rules import RULES, Rules, new_rules
from agent.audit.rules.duty_hours import WATCHED
from agent.audit.rules.failed_opens import MAX_BEGUN
from agent.formats.ledger_v1 import LeafType
from agent.model.times import NS_PER_S
from tests.unit.audit.stories import HOUR_NS, MINUTE_NS, SETTINGS, Story

FOLDER = Path(__file__).resolve().parents[3] / "agent/audit/rules"


def test_every_file_is_listed_and_every_rule_has_a_name_and_a_remedy() -> None:
    files = {path.stem for path in FOLDER.glob("*.py")} - {"__init__"}
    assert {rule.__module__.rpartition(".")[2] for rule in RULES} == files
    assert get_args(Rules) == RULES
    assert tuple(type(rule) for rule in new_rules()) == RULES
    assert len({rule.NAME for rule in RULES}) == len(RULES)
    assert all(rule.SEVERITY in ("warning", "critical") and rule.REMEDY for rule in RULES)


@pytest.mark.parametrize(
    ("signers", "found"),
    [
        (["li"], False),
        (["li", "wang"], False),
        (["uid:1000"], False),
        (["mallory"], True),
        (["li", "mallory"], True),
        (["uid:1001"], True),
        (["uid:"], True),
        ([], True),
    ],
)
def test_source(signers: list[str], found: bool) -> None:
    assert Story().accepted("identify", *signers) == (["source"] if found else [])


def test_source_without_a_list_of_users_takes_whom_the_door_lets_in() -> None:
    story = Story(settings=replace(SETTINGS, door_uids=None))
    assert story.accepted("identify", "uid:77") == []
    assert story.accepted("identify", "mallory") == ["source"]


@pytest.mark.parametrize("what", sorted(WATCHED))
def test_duty_hours(what: str) -> None:
    story = Story()
    assert story.accepted(what, "li") == []
    story.pass_time(12 * HOUR_NS)
    assert story.accepted(what, "li") == ["duty-hours"]
    assert story.accepted("alarm.acknowledge", "li") == []
    story.settings = replace(SETTINGS, on_duty=None)
    assert story.accepted(what, "li") == []


def test_denied() -> None:
    story = Story()
    assert story.accepted("identify", "li") == []
    found = story.add(
        LeafType.COMMAND_DENIED, reason="command.not-yours", type="plan.set", count=1, actor="li"
    )
    assert found == ["denied"]
    assert "plan.set was refused to li: command.not-yours" in story.account.pending["denied"].text
    assert story.add(LeafType.REFUSED, what="capture", channel="ch0", code="plan.outside-schedule") == []


def test_bulk_of_openings_is_found_once_until_it_was_calm() -> None:
    story = Story()
    for number in range(3):
        assert story.opened(f"r{number}", access=f"a{number}") == []
        assert story.opened(f"r{number}", access=f"b{number}") == [], "the same recording again is one"
    assert story.opened("r3", access="a3") == ["bulk"]
    assert story.opened("r4", access="a4") == []
    story.pass_time(HOUR_NS)
    assert [story.opened(f"s{number}", access=f"c{number}") for number in range(4)] == [[], [], [], ["bulk"]]


def test_bulk_of_openings_that_are_far_apart_is_no_bulk() -> None:
    story = Story()
    for number in range(12):
        assert story.opened(f"r{number}", access=f"a{number}") == []
        story.pass_time(HOUR_NS // 3)


def test_bulk_of_destruction_counts_the_recordings_of_a_request() -> None:
    assert Story().add(LeafType.DESTROY_REQUESTED, request="q", recordings=["a", "b", "c"]) == []
    assert Story().add(LeafType.DESTROY_REQUESTED, request="q", recordings=["a", "b", "c", "d"]) == ["bulk"]


def test_a_set_back_wall_clock_does_not_empty_the_window() -> None:
    story = Story()
    for number in range(3):
        story.opened(f"r{number}", access=f"a{number}")
    story.wall_ns += 48 * HOUR_NS
    assert story.opened("r3", access="a3") == ["bulk"]


def test_log_gap_of_a_boot_without_shutdown() -> None:
    story = Story()
    assert story.add(LeafType.BOOT) == []
    assert story.add(LeafType.SHUTDOWN) == []
    assert story.add(LeafType.BOOT) == []
    assert story.add(LeafType.BOOT) == ["log-gap"]


def test_log_gap_of_a_silence_while_recording() -> None:
    story = Story()
    story.add(LeafType.SEGMENT, channel="ch0", verdict="conforming")
    story.pass_time(9 * MINUTE_NS)
    assert story.add(LeafType.SEGMENT, channel="ch0", verdict="conforming") == []
    story.pass_time(11 * MINUTE_NS)
    assert story.add(LeafType.SEGMENT, channel="ch0", verdict="conforming") == ["log-gap"]


def test_log_gap_of_missing_heartbeats() -> None:
    story = Story()
    story.add(LeafType.BOOT)
    story.pass_time(30 * MINUTE_NS)
    assert story.add(LeafType.HEARTBEAT, alarms=0) == [], "a version without heartbeats owes none"
    story.pass_time(10 * MINUTE_NS)
    assert story.add(LeafType.HEARTBEAT, alarms=0) == []
    story.pass_time(12 * MINUTE_NS)
    assert story.add(LeafType.HEARTBEAT, alarms=0) == ["log-gap"]
    story.add(LeafType.SHUTDOWN)
    story.pass_time(60 * MINUTE_NS)
    assert story.add(LeafType.BOOT) == [], "a box that was off owes none"


@pytest.mark.parametrize("rest", ["closed", "alarm", "shutdown"])
def test_a_silence_that_was_told_is_no_gap(rest: str) -> None:
    story = Story()
    story.add(LeafType.SEGMENT, channel="ch0", verdict="conforming")
    if rest == "closed":
        story.add(LeafType.RECORDING_CLOSED, channel="ch0", recording="r")
    elif rest == "alarm":
        story.alarm(LeafType.ALARM_RAISED, "source.lost", entity="ch0")
    else:
        story.add(LeafType.SHUTDOWN)
    story.pass_time(30 * HOUR_NS)
    assert story.add(LeafType.BOOT) == []


def test_configuration() -> None:
    story = Story()
    steps = [("a" * 64, "1.0"), ("a" * 64, "1.0"), ("b" * 64, "1.0"), ("b" * 64, "1.1"), ("b" * 64, "1.1")]
    found = [story.add(LeafType.CONFIGURATION, sha256=sha256, agent=agent) for sha256, agent in steps]
    assert found == [[], [], ["configuration"], ["configuration"], []]


@pytest.mark.parametrize(("step_ms", "found"), [(2000, False), (2001, True), (-2001, True), (-600, False)])
def test_clock_step(step_ms: int, found: bool) -> None:
    assert Story().add(LeafType.CLOCK_STEP, step_ms=step_ms) == (["clock-step"] if found else [])


def test_medium() -> None:
    story = Story()
    assert story.alarm(LeafType.ALARM_RAISED, "health.sec-ssh") == []
    assert story.alarm(LeafType.ALARM_RAISED, "health.sec-media") == ["medium"]
    assert story.alarm(LeafType.ALARM_CLOSED, "health.sec-media") == []
    assert story.alarm(LeafType.ALARM_RAISED, "health.sec-media") == ["medium"]


def test_failed_opens_of_every_kind_are_counted_together() -> None:
    story = Story()
    assert story.opened("r", access="a", error="capsule.wrong-key") == []
    assert "failed-opens" not in story.add(
        LeafType.COMMAND_DENIED, reason="command.forbidden", type="access.record", count=1
    )
    assert story.add(LeafType.COMMAND_RESULT, type="access.record", status="failed") == ["failed-opens"]
    assert story.opened("r", access="b", error="capsule.wrong-key") == [], "found once"


def test_openings_that_end_well_are_no_failures() -> None:
    story = Story()
    for number in range(3):
        story.opened("r", access=f"a{number}", ended=False)
        story.opened("r", access=f"a{number}")
    story.pass_time(2 * HOUR_NS)
    assert story.add(LeafType.BOOT) == []


def test_openings_that_never_end_are_failures() -> None:
    story = Story()
    for number in range(3):
        assert story.opened("r", access=f"a{number}", ended=False) == []
    story.pass_time(HOUR_NS - 10 * NS_PER_S)
    assert story.add(LeafType.BOOT) == []
    story.pass_time(20 * NS_PER_S)
    assert story.add(LeafType.SHUTDOWN) == ["failed-opens"]


def test_more_openings_at_once_than_are_remembered_count_as_failed() -> None:
    story = Story(settings=replace(SETTINGS, bulk_recordings=1000))
    found = [story.opened("r", access=f"a{number}", ended=False) for number in range(MAX_BEGUN + 3)]
    assert found == [[]] * (MAX_BEGUN + 2) + [["failed-opens"]]


def test_the_timeline_goes_on_over_a_new_start_of_the_machine() -> None:
    line = Timeline()
    assert line.move(1000, 500) == 0
    assert line.move(900, 600) == 100, "within a boot the monotonic clock alone counts"
    assert line.move(5000, 10) == 4200, "after a start the longer of both"
    assert line.move(4000, 5) == 4205, "a wall clock that was set back counts nothing"
