"""Abnormal access on a real ledger: the alarm is there a tick after its leaf, and lives on over restarts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from agent.formats.ledger_v1 import Leaf, LeafType
from agent.model.commands import Command, CommandType
from agent.model.outgoing import Json, Outgoing
from agent.runtime import keeper
from agent.runtime.audit_watch import NAME, AuditWatch
from agent.runtime.boot import signing_key
from agent.runtime.command_handlers import BoxHandlers
from tests.unit.runtime.vaults import Run, SmallBox

DENIED: dict[str, Json] = {"reason": "command.x", "type": "plan.set", "count": 1, "reasons": None}
WITHIN_S = 5


@dataclass(slots=True)
class Life:
    """One life of a keeper with its watch. `told` are the messages."""

    box: SmallBox
    run: Run
    watch: AuditWatch
    told: list[Outgoing]
    log: list[str]

    def tick(self, seconds: float = 1) -> None:
        self.box.clock.advance(seconds)
        self.watch.tick()

    def leaves(self, *kinds: LeafType) -> list[Leaf]:
        return [leaf for leaf in self.run.booted.ledger.leaves() if leaf.type in kinds]

    def codes(self) -> list[str]:
        return [alarm.code for alarm in self.run.book.alarms]

    def acknowledge(self, code: str) -> None:
        """As an operator's command does."""
        handlers = BoxHandlers(
            book=self.run.book,
            ledger=self.run.booted.ledger,
            clock=self.box.clock,
            log=self.log.append,
            random=lambda: 0.5,
        )
        args: dict[str, Json] = {"entity": "_", "code": code}
        command = Command(id="c1", type=CommandType.ALARM_ACKNOWLEDGE, args=args, signers=("li",))
        handlers.table()[CommandType.ALARM_ACKNOWLEDGE](command)

    def story(self) -> list[str]:
        """What became of the alarms of abnormal access."""
        kinds = (LeafType.ALARM_RAISED, LeafType.ALARM_ACKNOWLEDGED, LeafType.ALARM_CLOSED)
        return [
            f"{leaf.type.value} {leaf.body['code']}"
            for leaf in self.leaves(*kinds)
            if str(leaf.body["code"]).startswith("audit.")
        ]


@contextmanager
def living(box: SmallBox) -> Iterator[Life]:
    """From recovery to a stop without goodbye."""
    with box.running() as run:
        told: list[Outgoing] = []
        log: list[str] = []
        run.book.tell = told.append  # type: ignore[method-assign,assignment] # there is no outbox here
        watch = AuditWatch(
            box.config,
            ledger=run.booted.ledger,
            book=run.book,
            key=signing_key(box.config, lambda _: b""),
            clock=box.clock,
            log=log.append,
        )
        yield Life(box, run, watch, told, log)


@pytest.fixture
def box(tmp_path: Path) -> SmallBox:
    return SmallBox(tmp_path)


def test_the_alarm_is_in_the_ledger_and_told_one_tick_after_its_leaf(box: SmallBox) -> None:
    assert keeper.TICK_S < WITHIN_S
    with living(box) as life:
        life.tick()
        assert life.codes() == []
        index = life.run.book.leaf(LeafType.COMMAND_DENIED, DENIED, actor="li", authority="none")
        life.tick(keeper.TICK_S)
        [alarm] = life.run.book.alarms
        assert (alarm.code, alarm.severity) == ("audit.denied", "warning")
        assert f"(leaf {index}, " in alarm.text
        [raised] = life.leaves(LeafType.ALARM_RAISED)
        [denied] = life.leaves(LeafType.COMMAND_DENIED)
        assert raised.mono_ns - denied.mono_ns <= WITHIN_S * 1_000_000_000
        [message] = [one for one in life.told if one.kind == "a"]
        assert (message.type, message.retain, message.body is not None) == ("audit-denied", True, True)


def test_raised_acknowledged_closed_over_two_restarts(box: SmallBox) -> None:
    with living(box) as life:
        life.run.book.leaf(LeafType.COMMAND_DENIED, DENIED, actor="li", authority="none")
        life.tick()
    with living(box) as life:
        assert life.codes() == ["audit.denied"], "a restart closes nothing"
        life.tick()
        life.acknowledge("audit.denied")
    with living(box) as life:
        assert life.codes() == ["audit.denied"]
        life.tick()
        assert life.codes() == []
        assert [one.body for one in life.told if one.kind == "a"] == [None], "the retained message is cleared"
        assert life.story() == [
            "alarm-raised audit.denied",
            "alarm-acknowledged audit.denied",
            "alarm-closed audit.denied",
        ]


def test_a_stop_between_a_leaf_and_its_alarm_loses_nothing(box: SmallBox) -> None:
    with living(box) as life:
        life.tick()
        life.watch.save()
        life.run.book.leaf(LeafType.COMMAND_DENIED, DENIED, actor="li", authority="none")
    with living(box) as life:
        life.tick()
        assert life.story() == ["alarm-raised audit.denied"]


@pytest.mark.parametrize("what", ["lost", "damaged", "kept"])
def test_the_index_is_only_a_help(box: SmallBox, what: str) -> None:
    with living(box) as life:
        life.run.book.leaf(LeafType.COMMAND_DENIED, DENIED, actor="li", authority="none")
        life.tick()
        life.watch.save()
    path = box.config.box.state_dir / NAME
    assert path.exists()
    if what == "lost":
        path.unlink()
    elif what == "damaged":
        path.write_bytes(path.read_bytes()[:-9])
    with living(box) as life:
        life.tick()
        assert life.codes() == ["audit.denied"]
        assert life.story() == ["alarm-raised audit.denied"], "and it is not raised twice"


def test_an_index_that_cannot_be_written_is_logged_and_stops_nothing(box: SmallBox) -> None:
    with living(box) as life:
        (box.config.box.state_dir / NAME).mkdir()
        life.watch.save()
        assert ["was not written" in line for line in life.log] == [True]
        life.tick()


def test_other_alarms_are_still_closed_by_a_restart(box: SmallBox) -> None:
    with living(box) as life:
        facts: dict[str, Json] = {"entity": "_", "code": "link.down", "severity": "warning"}
        life.run.book.leaf(LeafType.ALARM_RAISED, {**facts, "text": "t", "remedy": "r"})
    with living(box) as life:
        [closed] = life.leaves(LeafType.ALARM_CLOSED)
        assert (closed.body["code"], closed.body["why"]) == ("link.down", "restart")


def test_the_checks_alarm_of_a_medium_becomes_one_of_abnormal_access(box: SmallBox) -> None:
    with living(box) as life:
        facts: dict[str, Json] = {"entity": "_", "code": "health.sec-media", "severity": "warning"}
        life.run.book.leaf(LeafType.ALARM_RAISED, {**facts, "text": "t", "remedy": "r"})
        life.tick()
        life.acknowledge("audit.medium")
        life.tick()
        assert life.codes() == ["audit.medium"], "the medium is still there"
        life.run.book.leaf(LeafType.ALARM_CLOSED, {"entity": "_", "code": "health.sec-media", "why": "over"})
        life.tick()
        assert life.codes() == []
