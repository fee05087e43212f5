"""The week's counts: each leaf in one report, what lasts goes on, numbers as the leaves say (STD 7.4 f)."""

from __future__ import annotations

from typing import Any

from agent.audit.week import MAX_LATE, MAX_REASONS
from agent.formats import self_analysis_v1
from agent.formats.ledger_v1 import LeafType
from agent.model.times import NS_PER_S, rfc3339
from tests.unit.audit.stories import HOUR_NS, Story


def facts(story: Story, *, witnesses: int = 1) -> dict[str, Any]:
    """The facts now, which must fit the format."""
    found = story.account.week.facts(story.wall_ns, answer_hours=24, witnesses=witnesses)
    self_analysis_v1.encode("or-3", rfc3339(story.wall_ns), found)
    return dict(found)


def test_an_empty_ledger_has_a_report_too() -> None:
    found = facts(Story())
    assert (found["from_leaf"], found["to_leaf"], found["from"], found["leaves"]) == (0, 0, None, {})


def test_counts_by_type_verdicts_and_steps() -> None:
    story = Story()
    story.add(LeafType.BOOT)
    for verdict in ("conforming", "conforming", "degraded", None):
        story.add(LeafType.SEGMENT, channel="ch0", verdict=verdict)
    story.add(LeafType.CLOCK_STEP, step_ms=900)
    story.add(LeafType.CLOCK_STEP, step_ms=-4000)
    story.add(LeafType.BOOT)
    story.add(LeafType.SHUTDOWN)
    found = facts(story)
    assert found["leaves"] == {"boot": 2, "clock-step": 2, "segment": 4, "shutdown": 1}
    assert found["verdicts"] == {"conforming": 2, "degraded": 1, "unknown": 1}
    assert found["clock_steps"] == {"count": 2, "largest_ms": -4000}
    assert found["restarts"] == {"count": 2, "unclean": 1}
    assert (found["from"], found["to"]) == (story.leaves[0].wall, story.leaves[-1].wall)


def test_each_leaf_is_in_exactly_one_report() -> None:
    story = Story()
    counted, spans = 0, []
    for _ in range(3):
        for _ in range(5):
            story.add(LeafType.BOOT)
        found = facts(story)
        spans.append((found["from_leaf"], found["to_leaf"]))
        counted += sum(found["leaves"].values())
        story.add(LeafType.REPORT, what="week")
    assert spans == [(0, 5), (5, 11), (11, 17)]
    assert counted == 17
    assert facts(story)["previous"] == 17


def test_the_ten_most_frequent_refusals_and_floods() -> None:
    story = Story()
    for number in range(14):
        for _ in range(number + 1):
            story.add(
                LeafType.COMMAND_DENIED, reason=f"command.r{number}", count=1, reasons=None, actor="uid:5"
            )
    story.add(
        LeafType.COMMAND_DENIED, reason="command.flood", count=7, reasons={"command.bad": 5, "command.x": 2}
    )
    found = facts(story)
    assert found["denied"] == 14 * 15 // 2 + 7
    assert len(found["denials"]) == 10
    assert found["denials"][0] == {"reason": "command.r13", "actor": "uid:5", "count": 14}
    assert {"reason": "command.bad", "actor": "agent", "count": 5} in found["denials"]


def test_refusals_of_endless_kinds_are_counted_and_not_kept() -> None:
    story = Story()
    for number in range(MAX_REASONS + 50):
        story.add(LeafType.COMMAND_DENIED, reason=f"command.r{number}", count=1, reasons=None)
    assert facts(story)["denied"] == MAX_REASONS + 50
    assert facts(story)["denials"][0] == {"reason": "others", "actor": "several", "count": 50}


def test_alarms_that_nobody_closed_in_time_are_named_over_reports() -> None:
    story = Story()
    story.alarm(LeafType.ALARM_RAISED, "disk.full")
    raised = story.leaves[-1].wall
    story.alarm(LeafType.ALARM_RAISED, "audit.denied")
    story.alarm(LeafType.ALARM_ACKNOWLEDGED, "audit.denied")
    story.alarm(LeafType.ALARM_RAISED, "link.down")
    story.alarm(LeafType.ALARM_CLOSED, "link.down")
    assert facts(story)["alarms"]["late_count"] == 0
    assert facts(story)["abnormal"] == {"denied": 1}
    story.add(LeafType.REPORT, what="week")
    story.pass_time(25 * HOUR_NS)
    alarms = facts(story)["alarms"]
    assert (alarms["raised"], alarms["open"], alarms["late_count"]) == (0, 2, 2)
    assert alarms["late"] == [
        {"entity": "_", "code": "disk.full", "since": raised, "acknowledged": False},
        {"entity": "_", "code": "audit.denied", "since": story.leaves[1].wall, "acknowledged": True},
    ]


def test_many_late_alarms_are_counted_and_the_first_named() -> None:
    story = Story()
    for number in range(MAX_LATE + 5):
        story.alarm(LeafType.ALARM_RAISED, f"x.y{number}")
    story.pass_time(25 * HOUR_NS)
    alarms = facts(story)["alarms"]
    assert (alarms["late_count"], len(alarms["late"])) == (MAX_LATE + 5, MAX_LATE)


def test_time_without_a_witness_over_reports() -> None:
    story = Story()
    story.alarm(LeafType.ALARM_RAISED, "ledger.unwitnessed")
    story.pass_time(HOUR_NS - NS_PER_S)
    story.alarm(LeafType.ALARM_CLOSED, "ledger.unwitnessed")
    assert facts(story)["unwitnessed"] == {"times": 1, "seconds": 3600, "now": False}
    story.alarm(LeafType.ALARM_RAISED, "ledger.unwitnessed")
    story.pass_time(HOUR_NS - NS_PER_S)
    story.add(LeafType.REPORT, what="week")
    assert facts(story)["unwitnessed"] == {"times": 1, "seconds": 0, "now": True}
    story.pass_time(HOUR_NS - NS_PER_S)
    story.add(LeafType.BOOT)
    assert facts(story)["unwitnessed"] == {"times": 1, "seconds": 3600, "now": True}
    assert facts(story, witnesses=0)["unwitnessed"] is None


def test_recordings_that_are_due_overdue_held_and_gone() -> None:
    story = Story()
    long_ago, new = rfc3339(story.wall_ns - 31 * 24 * HOUR_NS), rfc3339(story.wall_ns)
    due = {"a": long_ago, "b": long_ago, "c": new, "d": long_ago}
    story.add(LeafType.RETENTION_DUE, items=[{"recording": name, "due": when} for name, when in due.items()])
    assert facts(story)["retention"] == {"due": 4, "overdue": 3, "held": 0}
    story.add(LeafType.HOLD_SET, hold="h", recordings=["a"], reason="x")
    assert facts(story)["retention"] == {"due": 4, "overdue": 2, "held": 1}
    story.add(LeafType.DESTROY_REQUESTED, request="q", recordings=["b", "c"])
    story.add(LeafType.DESTROY_EXECUTED, request="q", phase="intent")
    assert facts(story)["retention"]["due"] == 4, "begun is not done"
    story.add(LeafType.DESTROY_EXECUTED, request="q", phase="result")
    story.add(LeafType.EVICTED, recordings=["d"], size_bytes=1, reason="disk-full")
    story.add(LeafType.HOLD_CLEARED, hold="h", recordings=["a"], reason="x")
    assert facts(story)["retention"] == {"due": 1, "overdue": 1, "held": 0}
