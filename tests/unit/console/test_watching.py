"""Silence, numbers, alarms and turns: what the console notices by itself, whatever the wall clock does."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count

import pytest

from agent.console.alarms import AlarmBook
from agent.console.boxes import Box
from agent.console.contract import parse
from agent.console.effects import AlarmCleared, AlarmRaised, Born
from agent.console.fleet import Fleet
from agent.console.intake import MOST_MEASUREMENTS, Intake
from agent.console.numbers import Numbers
from agent.console.vigil import Vigil
from agent.model.errors import Refuse
from agent.model.times import NS_PER_S
from tests.fakes.clock import FakeClock
from tests.fakes.voices import BIRTH, M_CHANNEL, ONLINE, Voice, alarm


def online(clock: FakeClock, voice: Voice | None = None) -> tuple[Fleet, Box, Voice]:
    fleet, voice = Fleet(10), voice or Voice()
    for place, body in (("_/birth/box", BIRTH), ("_/status/box", ONLINE)):
        tell(fleet, voice, place, body, clock)
    return fleet, fleet.boxes[voice.box], voice


def tell(
    fleet: Fleet, voice: Voice, place: str, body: Mapping[str, object], clock: FakeClock, *,
    retained: bool = False, **changes: object,
) -> list[object]:  # fmt: skip
    message = parse(*voice.says(place, {**body}, **changes), None, retained=retained)
    assert message is not None
    return list(fleet.take(message, clock.now()))


def codes(found: list[AlarmRaised | AlarmCleared]) -> list[str]:
    return [("+" if isinstance(one, AlarmRaised) else "-") + one.slug for one in found]


@pytest.mark.parametrize("jump_s", [0, 3600, -3600], ids=["steady", "forward", "back"])
def test_a_silent_box_has_an_alarm_within_75_s_whatever_the_wall_clock_does(jump_s: int) -> None:
    clock, vigil = FakeClock(), Vigil()
    fleet, box, voice = online(clock)
    clock.step_wall(jump_s)
    seen: list[tuple[int, list[str]]] = []
    for second in range(1, 76):
        clock.advance(1)
        seen.append((second, codes(vigil.look(box, clock.now()))))
    [(when, found)] = [one for one in seen if one[1]]
    assert found == ["+console-box-silent"]
    assert when > 60
    assert box.silent
    assert vigil.look(box, clock.now()) == []
    tell(fleet, voice, "ch0/m/channel", M_CHANNEL, clock)
    assert codes(vigil.look(box, clock.now())) == ["-console-box-silent"]


def test_a_box_that_said_good_bye_is_not_missed_and_one_that_was_lost_is() -> None:
    clock, vigil = FakeClock(), Vigil()
    fleet, box, voice = online(clock)
    tell(fleet, voice, "_/status/box", {"status": "offline", "cause": "stopped"}, clock)
    clock.advance(1000)
    assert vigil.look(box, clock.now()) == []
    voice.session += 1
    tell(fleet, voice, "_/birth/box", BIRTH, clock)
    tell(fleet, voice, "_/status/box", ONLINE, clock)
    will = {"status": "offline", "cause": "lost"}
    tell(fleet, voice, "_/status/box", will, clock, seq=None)
    assert codes(vigil.look(box, clock.now())) == ["+console-box-lost"]


def test_a_will_of_an_earlier_connection_is_not_believed() -> None:
    clock = FakeClock()
    fleet, box, voice = online(clock, Voice(session=5))
    tell(fleet, voice, "_/status/box", {"status": "offline", "cause": "lost"}, clock, seq=None, session=4)
    assert box.status == "online"


def test_hostile_messages_cost_one_alarm_until_it_is_calm() -> None:
    clock, vigil = FakeClock(), Vigil()
    first = vigil.hostile("evil-1", "message.forged", clock.now())
    assert first is not None
    assert first.box == "evil-1"
    assert vigil.hostile("evil-1", "message.shape", clock.now()) is None
    assert vigil.hostile("evil-2", "message.shape", clock.now()) is not None
    assert vigil.calm("evil-1") is not None
    assert vigil.calm("evil-1") is None


def test_a_message_comes_twice_and_counts_once() -> None:
    clock = FakeClock()
    fleet, _, voice = online(clock)
    said = voice.says("ch0/a/source-lost", alarm())
    message = parse(*said, None, retained=False)
    assert message is not None
    assert len(fleet.take(message, clock.now())) == 1
    assert fleet.take(message, clock.now()) == []


def test_only_a_birth_that_is_new_sends_commands_again() -> None:
    clock, voice = FakeClock(), Voice()
    fleet = Fleet(10)
    assert tell(fleet, voice, "_/birth/box", BIRTH, clock, retained=True) == []
    assert tell(fleet, voice, "_/birth/box", BIRTH, clock) == [Born(box="or-3")]


def test_one_box_can_not_fill_the_fleet_with_alarms_or_channels() -> None:
    clock = FakeClock()
    fleet, _, voice = online(clock)
    with pytest.raises(Refuse, match=r"fleet\.too-many-alarms"):
        for number in range(300):
            tell(fleet, voice, f"ch0/a/code-{number}", alarm(f"code.{number}"), clock)
    with pytest.raises(Refuse, match=r"fleet\.too-many-channels"):
        for number in range(30):
            tell(fleet, voice, f"c{number}/m/channel", M_CHANNEL, clock)


def test_numbers_that_did_not_come_are_missing_until_they_are_explained() -> None:
    numbers = Numbers()
    assert [numbers.came(seq, 0) for seq in (5, 6, 10, 10, 8)] == [True, True, True, False, True]
    assert numbers.missing(0, 0) == 2
    assert numbers.missing(0, NS_PER_S) == 0
    numbers.explained([(7, 7)])
    assert numbers.missing(0, 0) == 1
    numbers.explained([(1, 100)])
    assert numbers.missing(0, 0) == 0


def test_numbers_of_a_box_that_skips_on_purpose_stay_few() -> None:
    numbers = Numbers()
    for seq in range(1, 20_000, 2):
        numbers.came(seq, 0)
    assert numbers.missing(0, 0) == 9999
    assert numbers.forgotten > 9000


def raised(text: str = "no signal", since: str = "t0") -> AlarmRaised:
    return AlarmRaised(
        box="or-3", entity="ch0", slug="source-lost", code="source.lost", severity="critical", since=since,
        text=text, remedy="",
    )  # fmt: skip


CLEARED = AlarmCleared(box="or-3", entity="ch0", slug="source-lost")


def test_the_life_of_an_alarm() -> None:
    ids = map(str, count())
    book = AlarmBook(new_id=lambda: next(ids))
    book.raise_(raised(), "t1")
    book.raise_(raised(), "t2")  # said again: no news
    [found] = book.open.values()
    assert (found.count, found.state, len(book.steps)) == (1, "raised", 1)
    with pytest.raises(Refuse, match=r"alarm\.still-active"):
        book.close(found.id, "li", "done", "t3")
    book.acknowledge(found.id, "li", "on my way", "t3")
    with pytest.raises(Refuse, match=r"alarm\.state"):
        book.acknowledge(found.id, "wang", "me too", "t3")
    book.clear(CLEARED, "t4")
    book.raise_(raised(since="t5"), "t5")
    assert (found.count, found.state, found.active) == (2, "raised", True)
    book.clear(CLEARED, "t6")
    assert book.open, "nothing is closed by itself"
    book.close(found.id, "li", "cable changed", "t7")
    assert not book.open
    assert [step.step for step in book.steps] == [
        "raised", "acknowledged", "cleared", "raised-again", "cleared", "acknowledged", "closed",
    ]  # fmt: skip
    book.raise_(raised(since="t8"), "t8")
    [again] = book.open.values()
    assert again.id != found.id


def test_a_flood_takes_turns_loses_its_own_and_is_counted() -> None:
    intake = Intake(lambda: None)
    for _ in range(MOST_MEASUREMENTS + 500):
        intake.put("edgeward/v1/evil-1/ch0/m/channel", b"{}", retained=False, envelope=None)
    intake.put("edgeward/v1/or-3/ch0/a/source-lost", b"{}", retained=False, envelope=None)
    assert "or-3" in [item.box for item in intake.take(2)]
    assert intake.dropped() == {"evil-1": 500}
    assert intake.dropped() == {}


def test_the_mark_is_passed_when_all_before_it_was_taken() -> None:
    intake = Intake(lambda: None)
    topic = "edgeward/v1/or-3/_/status/box"
    intake.next_round()
    intake.put(topic, b"1", retained=True, envelope=None)
    intake.mark()
    intake.put(topic, b"2", retained=False, envelope=None)
    assert intake.passed() is None
    intake.take(1)
    assert intake.passed() == 1
    assert intake.passed() is None
