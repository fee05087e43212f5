"""The weekly self-analysis of a box: when it is made; signed, kept, entered, told, and made again."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

import pytest

from agent.audit.account import AuditAccount
from agent.cli.exits import Exit
from agent.cli.main import main
from agent.formats import self_analysis_v1
from agent.formats.ledger_v1 import LeafType
from agent.ledger.signing import Verifier
from agent.model.errors import Refuse
from agent.model.outgoing import Json
from agent.model.times import ClockQuality, Instant
from agent.runtime.weekly_report import DAY_NS, FOLDER, UNWRITABLE, is_due, remake
from tests.fakes.clock import START_WALL_NS
from tests.fakes.message_schemas import check_schema
from tests.unit.audit.stories import HOUR_NS, Story
from tests.unit.runtime.test_audit_watch import Life, living
from tests.unit.runtime.vaults import SmallBox

DAY_S = 24 * 3600
DENIED: dict[str, Json] = {"reason": "command.x", "type": "plan.set", "count": 1, "reasons": None}


@pytest.fixture
def box(tmp_path: Path) -> SmallBox:
    return SmallBox(tmp_path)


def reports(box: SmallBox) -> list[Path]:
    return sorted((box.config.box.state_dir / FOLDER).glob("week-*.note"))


def a_week(life: Life) -> None:
    """Tuesday to the first tick of Monday."""
    life.run.book.leaf(LeafType.COMMAND_DENIED, DENIED, actor="li", authority="none")
    life.tick()
    life.tick(5 * DAY_S)
    assert reports(life.box) == [], "it is still Sunday"
    life.tick(DAY_S)


def test_signed_kept_entered_told_and_made_again(box: SmallBox, capsys: pytest.CaptureFixture[str]) -> None:
    with living(box) as life:
        a_week(life)
        [path] = reports(box)
        verified = Verifier(box.vkey).verify(path.read_bytes(), self_analysis_v1.MAX_NOTE)
        facts = self_analysis_v1.decode(verified.text)
        [leaf] = life.leaves(LeafType.REPORT)
        assert leaf.std == ("STD 7.4 f",)
        assert leaf.body["sha256"] == sha256(verified.text.encode()).hexdigest()
        assert (leaf.body["file"], leaf.body["to_leaf"], facts["to_leaf"]) == (path.name, leaf.n, leaf.n)
        assert facts["denied"] == 1
        assert facts["abnormal"] == {"denied": 1}
        assert life.run.booted.ledger.checkpoint_size > leaf.n
        [message] = [one for one in life.told if one.kind == "report"]
        assert (message.type, message.retain) == ("week", True)
        assert message.body is not None
        assert message.body["note"] == path.read_text()
        fields = {name: message.body[name] for name in ("made", "from_leaf", "to_leaf", "note", "leaf")}
        envelope: dict[str, Json] = {"v": 1, "box": "b", "boot": "1", "session": 0, "seq": 1}
        check_schema(
            "report-week", {**envelope, "ts": facts["made"], "mono_ms": 1, "clk": "synced", **fields}
        )
        life.tick()
        life.tick()
        assert len(reports(box)) == 1
        assert remake(life.run.booted.ledger.leaves(), None) == (verified.text, leaf)
    assert main(["ledger", "week", "--vault", str(box.vault)]) == Exit.OK
    shown = capsys.readouterr()
    assert json.loads(shown.out) == facts
    assert shown.err == f"as leaf {leaf.n} says\n"
    assert main(["ledger", "week", "--vault", str(box.vault), "--report", "0"]) != Exit.OK
    assert "week.none" in capsys.readouterr().err


def test_a_report_that_was_not_made_of_these_leaves_is_found(
    box: SmallBox, capsys: pytest.CaptureFixture[str]
) -> None:
    with living(box) as life:
        a_week(life)
        [leaf] = life.leaves(LeafType.REPORT)
        life.run.book.leaf(LeafType.REPORT, {**leaf.body, "from_leaf": leaf.n, "to_leaf": leaf.n + 1})
    assert main(["ledger", "week", "--vault", str(box.vault), "--report", str(leaf.n)]) == Exit.OK
    assert main(["ledger", "week", "--vault", str(box.vault)]) == Exit.FAILED
    assert "made of other leaves" in capsys.readouterr().err


def test_the_next_report_begins_at_the_leaf_of_the_last_after_restarts_too(box: SmallBox) -> None:
    with living(box) as life:
        a_week(life)
    with living(box) as life:
        life.tick(7 * DAY_S)
        first, second = life.leaves(LeafType.REPORT)
        assert second.body["from_leaf"] == first.n
        text, _ = remake(life.run.booted.ledger.leaves(), second.n)
        assert self_analysis_v1.decode(text)["previous"] == first.n
    assert len(reports(box)) == 2


def test_a_report_that_cannot_be_written_is_an_alarm_and_is_made_later(box: SmallBox) -> None:
    with living(box) as life:
        folder = box.config.box.state_dir / FOLDER
        folder.write_text("in the way")
        life.run.book.leaf(LeafType.COMMAND_DENIED, DENIED, actor="li", authority="none")
        life.tick(6 * DAY_S)
        life.tick()
        assert UNWRITABLE in life.codes()
        assert life.leaves(LeafType.REPORT) == []
        folder.unlink()
        life.tick(60)
        assert life.leaves(LeafType.REPORT) == [], "once an hour"
        life.tick(3600)
        assert len(life.leaves(LeafType.REPORT)) == len(reports(box)) == 1
        assert UNWRITABLE not in life.codes()


@pytest.mark.parametrize(
    ("days", "quality", "due"),
    [
        (5, ClockQuality.SYNCED, False),
        (6, ClockQuality.SYNCED, True),
        (6, ClockQuality.UNSYNCED, False),
        (6, ClockQuality.UNKNOWN, False),
        (7, ClockQuality.UNSYNCED, True),
    ],
)
def test_when_it_is_due(days: int, quality: ClockQuality, due: bool) -> None:
    story = Story(wall_ns=START_WALL_NS)  # a Tuesday
    story.add(LeafType.BOOT)
    story.pass_time(days * DAY_NS)
    now = Instant(wall_ns=story.wall_ns, mono_ns=story.mono_ns, quality=quality)
    assert is_due(story.account, now) is due


def test_a_clock_that_is_set_to_and_fro_makes_no_heap_of_reports() -> None:
    story = Story(wall_ns=START_WALL_NS)
    assert not is_due(AuditAccount(), story.now()), "there is nothing to count"
    story.add(LeafType.BOOT)
    story.wall_ns += 30 * DAY_NS
    assert not is_due(story.account, story.now())
    story.pass_time(25 * HOUR_NS)
    assert is_due(story.account, story.now())


def test_no_report_is_refused_by_its_name() -> None:
    story = Story()
    story.add(LeafType.BOOT)
    with pytest.raises(Refuse) as caught:
        remake(story.leaves, None)
    assert caught.value.code == "week.none"
