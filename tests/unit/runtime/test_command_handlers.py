"""What this box does on command: arguments are checked, deeds are as the document says, twice is no harm."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from agent.formats.ledger_v1 import LeafType
from agent.model.commands import Command, CommandType
from agent.model.errors import Refuse
from agent.model.outgoing import Json, Outgoing
from agent.runtime.book import Book
from agent.runtime.command_handlers import BoxHandlers, TicketDoor
from agent.runtime.telemetry import Alarm
from agent.runtime.ticket_batches import stored_names
from tests.fakes.authorities import FakeAuthority
from tests.unit.runtime.vaults import Run, SmallBox


@dataclass(slots=True)
class FakeLink:
    connected: bool = True
    births: list[float] = field(default_factory=list)
    maintenance: list[bool] = field(default_factory=list)

    def rebirth(self, delay_s: float) -> None:
        self.births.append(delay_s)

    def announce_maintenance(self, on: bool) -> None:
        self.maintenance.append(on)


class Bench:
    """Handlers over a booted small box."""

    def __init__(self, box: SmallBox, run: Run) -> None:
        self.clock = box.clock
        self.run = run
        self.book: Book = run.book
        self.told: list[Outgoing] = []
        self.book.tell = self.told.append  # type: ignore[method-assign,assignment] # there is no outbox here
        self.link = FakeLink()
        self.log: list[str] = []
        self.turned: list[tuple[str, bool]] = []
        self.authority = FakeAuthority()
        self.state = box.config.box.state_dir
        self.handlers = BoxHandlers(
            book=self.book,
            ledger=run.booted.ledger,
            clock=box.clock,
            log=self.log.append,
            random=lambda: 0.5,
            link=self.link,
            tickets=TicketDoor(state_dir=self.state, verifier=self.authority.verifier, box="test-box"),
            switch=lambda channel, on: self.turned.append((channel, on)),
            channels=frozenset({"ch0"}),
        )

    def do(self, kind: CommandType, **args: Json) -> dict[str, Json]:
        command = Command(id="019ab3a1-0400-7abc-8def-0123456789ab", type=kind, args=args, signers=("li",))
        return dict(self.handlers.table()[kind](command))

    def refused(self, kind: CommandType, **args: Json) -> str:
        with pytest.raises(Refuse) as caught:
            self.do(kind, **args)
        assert caught.value.advice
        return caught.value.code


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    box = SmallBox(tmp_path)
    with box.running() as run:
        yield Bench(box, run)


BAD: tuple[tuple[CommandType, dict[str, Json]], ...] = (
    (CommandType.IDENTIFY, {"loud": True}),
    (CommandType.LEDGER_PROVE, {}),
    (CommandType.LEDGER_PROVE, {"leaf": -1}),
    (CommandType.LEDGER_PROVE, {"leaf": True}),
    (CommandType.LEDGER_PROVE, {"leaf": "0"}),
    (CommandType.MAINTENANCE, {}),
    (CommandType.MAINTENANCE, {"on": 1}),
    (CommandType.REBIRTH, {"window_s": 601}),
    (CommandType.TICKETS_IMPORT, {"batch": "?"}),
    (CommandType.TICKETS_IMPORT, {"batch": "é"}),
    (CommandType.TICKETS_IMPORT, {}),
    (CommandType.CHANNEL_START, {}),
    (CommandType.CHANNEL_STOP, {"channel": "ch0", "now": True}),
    (CommandType.ALARM_ACKNOWLEDGE, {"entity": "_"}),
)


@pytest.mark.parametrize(("kind", "args"), BAD)
def test_wrong_arguments_do_nothing(bench: Bench, kind: CommandType, args: dict[str, Json]) -> None:
    before = bench.book.leaves
    assert bench.refused(kind, **args) == "command.bad-argument"
    assert bench.book.leaves == before
    assert not (bench.told or bench.turned or bench.link.births or bench.link.maintenance)


def test_identify_lasts_for_a_minute(bench: Bench) -> None:
    assert bench.do(CommandType.IDENTIFY) == {"seconds": 60}
    bench.do(CommandType.IDENTIFY)
    assert [alarm.code for alarm in bench.book.alarms] == ["identify.asked"]
    bench.clock.advance(59)
    bench.handlers.tick()
    assert bench.book.alarms
    bench.clock.advance(1)
    bench.handlers.tick()
    bench.handlers.tick()
    assert not bench.book.alarms
    assert bench.log[0] == "identify: li looks for this box"


def test_a_proof_of_a_leaf_that_is_not_there_is_refused(bench: Bench) -> None:
    assert bench.refused(CommandType.LEDGER_PROVE, leaf=0) == "leaf.unknown"
    bench.book.leaf(LeafType.BOOT, {})
    assert str(bench.do(CommandType.LEDGER_PROVE, leaf=0)["proof"]).startswith(
        "c2sp.org/tlog-proof@v1\nindex 0\n"
    )
    assert bench.refused(CommandType.LEDGER_PROVE, leaf=bench.book.leaves) == "leaf.unknown"


def test_maintenance_is_said_at_once_only_where_somebody_listens(bench: Bench) -> None:
    assert bench.do(CommandType.MAINTENANCE, on=True) == {"on": True}
    assert [(one.kind, one.retain, (one.body or {})["status"]) for one in bench.told] == [
        ("status", True, "maintenance")
    ]
    bench.link.connected = False
    bench.do(CommandType.MAINTENANCE, on=False)
    assert len(bench.told) == 1, "the next connection says it, behind its birth"
    assert bench.link.maintenance == [True, False]


def test_births_are_spread_and_rare(bench: Bench) -> None:
    assert bench.do(CommandType.REBIRTH, window_s=30) == {"delay_ms": 15_000}
    assert bench.refused(CommandType.REBIRTH) == "rebirth.too-often"
    bench.clock.advance(60)
    assert bench.do(CommandType.REBIRTH) == {"delay_ms": 0}
    assert bench.link.births == [15.0, 0.0]


def test_the_controllers_wish_and_the_command_share_one_limit(bench: Bench) -> None:
    assert bench.handlers.spread_birth(600) == 300.0
    assert bench.refused(CommandType.REBIRTH) == "rebirth.too-often"
    with pytest.raises(Refuse, match="less than 60 s"):
        bench.handlers.spread_birth(0)
    bench.clock.advance(60)
    assert bench.handlers.spread_birth(0) == 0.0
    assert bench.link.births == [300.0, 0.0]


def test_tickets_come_in_once(bench: Bench) -> None:
    data = bench.authority.sign(bench.authority.batch(3))
    words = b64encode(data).decode()
    first = bench.do(CommandType.TICKETS_IMPORT, batch=words)
    assert first["tickets"] == 3
    assert bench.do(CommandType.TICKETS_IMPORT, batch=words) == first, "again after a power cut: no harm"
    assert len(stored_names(bench.state)) == 1
    forged = b64encode(data.replace(b'"v":1', b'"v":2')).decode()
    assert bench.refused(CommandType.TICKETS_IMPORT, batch=forged).startswith("tickets.")


def test_channels_are_turned_by_the_keeper(bench: Bench) -> None:
    assert bench.do(CommandType.CHANNEL_STOP, channel="ch0") == {"channel": "ch0", "on": False}
    assert bench.do(CommandType.CHANNEL_START, channel="ch0") == {"channel": "ch0", "on": True}
    assert bench.refused(CommandType.CHANNEL_START, channel="ch9") == "channel.unknown"
    assert bench.turned == [("ch0", False), ("ch0", True)]


def test_only_a_raised_alarm_is_acknowledged(bench: Bench) -> None:
    words: dict[str, Json] = {"entity": "ch0", "code": "spec.nonconforming"}
    assert bench.refused(CommandType.ALARM_ACKNOWLEDGE, **words) == "alarm.unknown"
    bench.book.raise_alarm(
        Alarm(entity="ch0", code="spec.nonconforming", severity="warning", text="t", remedy="r")
    )
    leaf = bench.do(CommandType.ALARM_ACKNOWLEDGE, **words)["leaf"]
    [found] = [one for one in bench.run.booted.ledger.leaves() if one.n == leaf]
    assert (found.type, found.actor) == (LeafType.ALARM_ACKNOWLEDGED, "li")
    assert found.body == {**words, "cmd_id": "019ab3a1-0400-7abc-8def-0123456789ab"}
    assert bench.book.alarms, "acknowledged is not over"


def test_a_box_without_something_does_not_offer_it(tmp_path: Path) -> None:
    box = SmallBox(tmp_path)
    with box.running() as run:
        handlers = BoxHandlers(
            book=run.book,
            ledger=run.booted.ledger,
            clock=box.clock,
            log=print,
            random=lambda: 0.0,
        )
        assert set(handlers.table()) == {
            CommandType.ACCESS_RECORD,
            CommandType.ALARM_ACKNOWLEDGE,
            CommandType.IDENTIFY,
            CommandType.LEDGER_PROVE,
            CommandType.MAINTENANCE,
        }
        handlers.restore(maintenance=True)
