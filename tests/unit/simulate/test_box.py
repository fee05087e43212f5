"""A simulated box: everything it says passes the console's checks, with the numbers and rates of a box."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from agent.console.contract import Message, parse
from agent.simulate.box import Said, SimBox
from tests.fakes.clock import FakeClock


def box() -> SimBox:
    return SimBox(name="sim-1", site="Ward 1", channels=("ch0", "ch1"), boot="b", nonce="0" * 32)


def heard(said: Iterable[Said]) -> list[Message]:
    found = []
    for one in said:
        envelope = one.payload.decode() if one.clear else None
        message = parse(one.topic, b"" if one.clear else one.payload, envelope, retained=False)
        assert message is not None, one.topic
        found.append(message)
    return found


def test_ten_minutes_of_a_box_at_the_contracts_rates() -> None:
    sim, clock = box(), FakeClock()
    sim.will(clock.now())
    found = heard(sim.born(clock.now()))
    for _ in range(600):
        clock.advance(1)
        found += heard(sim.second(clock.now(), phase=0, dice=0.5))
    assert [message.seq for message in found] == list(range(1, len(found) + 1))
    keys = Counter(message.address.key for message in found)
    assert keys["m-channel"] == 2 * 120
    assert keys["m-box"] == 20
    assert keys["e-segment"] == 2 * 10
    assert keys["state-channel"] == 2 * 3


def test_a_fault_raises_and_clears_one_alarm_and_silences_its_channel() -> None:
    sim, clock = box(), FakeClock()
    sim.will(clock.now())
    raised = heard(sim.breaks("ch1", clock.now()))
    measured = [
        message.address.entity
        for _ in range(10)
        for message in heard(sim.second(clock.now(), phase=0, dice=0.5))
    ]
    cleared = heard(sim.mends(clock.now()))
    assert [message.address.key for message in raised] == ["state-channel", "a"]
    assert measured == ["ch0", "ch0"]
    assert cleared[1].body is None
    assert list(sim.mends(clock.now())) == []


def test_it_answers_every_command_and_its_will_says_that_it_is_lost() -> None:
    sim, clock = box(), FakeClock()
    will = parse("edgeward/v1/sim-1/_/status/box", sim.will(clock.now()), None, retained=False)
    assert will is not None
    assert will.body is not None
    assert (will.seq, will.body["cause"]) == (None, "lost")
    topic = "edgeward/v1/sim-1/_/cmd/identify/0193a000-0000-7000-8000-000000000000"
    answers = heard(sim.answers(topic, clock.now()))
    assert [message.body and message.body["status"] for message in answers] == ["accepted", "succeeded"]
    bye = heard([sim.leaves_us(clock.now())])
    assert bye[0].body is not None
    assert bye[0].body["cause"] == "stopped"
