"""The clock tests of retention, through the real planner and the real handlers (STD 7.7 c, 9.1 c, 9.5)."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest

from agent.formats.ledger_v1 import LeafType
from agent.model.commands import CommandType
from agent.model.outgoing import Json
from agent.model.times import NS_PER_S, ClockQuality, from_rfc3339, rfc3339
from agent.vault.disposal import State
from tests.unit.runtime.disposals import CLINICAL, DAY_S, IMPORTANT, WARD, DisposalBox, Life
from tests.unit.runtime.test_disposal import refused

STUDY = 'level = 4\n[channel.retention]\nrule = "research-copy"\nstudy = "s1"'


def run(box: DisposalBox, life: Life) -> dict[str, Json]:
    return dict(life.disposal.retention_run(box.command(CommandType.RETENTION_RUN)))


def to(box: DisposalBox, wall: str) -> None:
    """Moves the clock to a time."""
    seconds = (from_rfc3339(wall) - box.clock.now().wall_ns) // NS_PER_S
    assert seconds >= 0
    box.clock.advance(seconds)


def test_day_89_is_there_day_91_is_shredded(tmp_path: Path) -> None:
    box = DisposalBox(tmp_path, (WARD,))
    with box.running() as life:
        one = box.record(life)
        box.clock.advance(89 * DAY_S)
        assert run(box, life)["due"] == 0
        with refused("destroy.too-early"):
            box.ask(life, one, without_ticket=True)
    with box.running() as life:
        box.clock.advance(2 * DAY_S)
        state = run(box, life)
        assert (state["due"], state["newly_due"], state["overdue"]) == (1, 1, 0)
        again = run(box, life)
        assert (again["due"], again["newly_due"]) == (1, 0)
        request = box.ask(life, one, without_ticket=True)
        box.approve(life, request, "bob", "carl")
        assert life.disposal.destroy_execute(box.execution(request))["state"] == "certified"
        assert run(box, life)["due"] == 0
    [due] = box.leaves(LeafType.RETENTION_DUE)
    items = due.body["items"]
    assert isinstance(items, list)
    assert [item["recording"] for item in items if isinstance(item, dict)] == [one]
    assert not box.directory(one).exists()


def test_level_5_at_14_years_364_days_at_15_and_at_30(tmp_path: Path) -> None:
    box = DisposalBox(tmp_path, (IMPORTANT,))
    with box.running() as life:
        one = box.record(life)
        closed = life.context.refresh().recordings[one].base_ns
        assert closed is not None
        to(box, rfc3339(closed).replace("2026-11-24", "2041-11-23"))
        assert run(box, life)["due"] == 0
        with refused("destroy.too-early"):
            box.ask(life, one, without_ticket=True)
        to(box, rfc3339(closed).replace("2026-11-24", "2041-11-24"))
        box.clock.advance(1)
        assert run(box, life)["due"] == 0, "it may go, and need not"
        request = box.ask(life, one, without_ticket=True)
        assert life.context.account.requests[request].needed == 3
        box.clock.advance(15 * DAY_S)  # that request expires
        to(box, rfc3339(closed).replace("2026-11-24", "2056-11-24"))
        box.clock.advance(1)
        assert run(box, life)["newly_due"] == 1
        assert box.directory(one).is_dir(), "nothing goes without people"


def test_a_study_ends_and_its_copies_are_due_30_days_later(tmp_path: Path) -> None:
    box = DisposalBox(tmp_path, (STUDY,))
    with box.running() as life:
        one = box.record(life)
        retention = box.manifest(one)["retention"]
        assert isinstance(retention, dict)
        assert (retention["study"], retention["study_end"]) == ("s1", None)
        box.clock.advance(400 * DAY_S)
        state = run(box, life)
        assert (state["due"], state["unruled"]) == (0, 0)
        with refused("destroy.too-early"):
            box.ask(life, one, without_ticket=True)
    box.configure(STUDY + "\nstudy_end = 2028-01-31")
    with box.running() as life:
        to(box, "2028-03-02T11:59:59.000000Z")  # 30 days after the end of 31 January at UTC-12
        assert run(box, life)["due"] == 0
        box.clock.advance(1)
        assert run(box, life)["due"] == 0
        box.clock.advance(1)
        assert run(box, life)["newly_due"] == 1
        assert life.context.policy.study_ends == {"s1": date(2028, 1, 31)}
        assert box.ask(life, one, without_ticket=True)


def test_a_hold_that_is_set_and_cleared(tmp_path: Path) -> None:
    box = DisposalBox(tmp_path, (CLINICAL,))
    with box.running() as life:
        one = box.record(life)
        hold = life.disposal.hold_set(
            box.command(CommandType.HOLD_SET, recordings=[one], reason="complaint")
        )["hold"]
        box.clock.advance(130 * DAY_S)
        state = run(box, life)
        assert (state["due"], state["overdue"], state["held"]) == (1, 0, 1)
        assert "retention.overdue" not in life.alarms()
    with box.running() as life:
        life.disposal.hold_clear(box.command(CommandType.HOLD_CLEAR, "bob", "carl", hold=hold, reason="over"))
        state = run(box, life)
        assert (state["due"], state["overdue"], state["held"]) == (1, 1, 0)
        assert "retention.overdue" in life.alarms()
        request = box.ask(life, one, without_ticket=True)
        box.approve(life, request, "bob", "carl")
        assert life.disposal.destroy_execute(box.execution(request))["state"] == "certified"
        run(box, life)
        assert "retention.overdue" not in life.alarms()


def test_a_leap_day(tmp_path: Path) -> None:
    box = DisposalBox(tmp_path, (IMPORTANT,))
    to(box, "2028-02-29T12:00:00.000000Z")
    with box.running() as life:
        one = box.record(life)
        to(box, "2043-02-28T23:59:59.000000Z")
        with refused("destroy.too-early"):
            box.ask(life, one, without_ticket=True)
        to(box, "2043-03-01T12:00:10.000000Z")
        assert box.ask(life, one, without_ticket=True)


def test_every_night_once_and_no_leaf_when_nothing_changed(tmp_path: Path) -> None:
    box = DisposalBox(tmp_path, (WARD,))
    with box.running() as life:
        box.record(life)
        life.disposal.tick()
        memory = (box.state / "retention.json").read_bytes()
        size = life.ledger.size
        box.clock.advance(3600)
        life.disposal.tick()
        assert (box.state / "retention.json").read_bytes() == memory, "the same night"
    with box.running() as life:
        born = life.ledger.size
        life.disposal.tick()
        assert (box.state / "retention.json").read_bytes() == memory, "a restart is no night"
        box.clock.advance(DAY_S)
        life.disposal.tick()
        assert (
            json.loads((box.state / "retention.json").read_bytes())["last_run"]
            > json.loads(memory)["last_run"]
        )
        assert (life.ledger.size, box.leaves(LeafType.RETENTION_DUE)) == (born, [])
        assert born >= size
    (box.state / "retention.json").write_bytes(b"damaged")
    with box.running() as life:
        life.disposal.tick()
        assert json.loads((box.state / "retention.json").read_bytes())["v"] == 1


def test_a_recording_without_a_rule_waits_for_one(tmp_path: Path) -> None:
    box = DisposalBox(tmp_path, ("level = 4",))
    with box.running() as life:
        one = box.record(life)
        box.clock.advance(1000 * DAY_S)
        state = run(box, life)
        assert (state["due"], state["unruled"]) == (0, 1)
        with refused("destroy.too-early"):
            box.ask(life, one, without_ticket=True)
    box.configure(CLINICAL)
    with box.running() as life:
        assert run(box, life)["newly_due"] == 1, "the present plan decides what no promise covers"


@pytest.mark.parametrize("quality", [ClockQuality.UNSYNCED, ClockQuality.UNKNOWN])
def test_no_term_begins_or_ends_by_a_clock_that_can_not_be_trusted(
    tmp_path: Path, quality: ClockQuality
) -> None:
    box = DisposalBox(tmp_path, (WARD,))
    box.clock.quality = quality
    with box.running() as life:
        one = box.record(life)
        box.clock.advance(1000 * DAY_S)
        state = run(box, life)
        assert (state["due"], state["undated"]) == (0, 1)
        assert "retention.clock" in life.alarms()
        box.clock.quality = ClockQuality.SYNCED
        life.book.checkpoint()
        life.context.enter(LeafType.CLOCK_STEP, {"note": "the first leaf by a good clock"})
        assert run(box, life)["undated"] == 0
        assert "retention.clock" not in life.alarms()
        box.clock.advance(89 * DAY_S)
        assert run(box, life)["due"] == 0
        box.clock.advance(2 * DAY_S)
        assert run(box, life)["newly_due"] == 1
        box.clock.quality = quality
        assert run(box, life)["newly_due"] == 0
        assert life.context.account.recordings[one].state(0) is State.DUE
