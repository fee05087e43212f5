"""The desk: each accepted command ends in a result, power cuts included; refusals are answered or counted."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from agent.control import desk as desk_module
from agent.control.account import MAX_FINISHED
from agent.control.denials import BURST
from agent.control.desk import Origin
from agent.formats import command_v1
from agent.formats.ledger_v1 import LeafType
from agent.model.commands import Command, CommandType, Status
from agent.model.errors import Halt, Refuse
from agent.model.outgoing import Json
from tests.unit.control.desks import DeskBox, said

MQTT = Origin()
IDENTIFY, PLAN = CommandType.IDENTIFY, CommandType.PLAN_SET
DENIED, ACCEPTED, RESULT = (LeafType.COMMAND_DENIED, LeafType.COMMAND_ACCEPTED, LeafType.COMMAND_RESULT)


@pytest.fixture
def box(tmp_path: Path) -> DeskBox:
    return DeskBox(tmp_path / "ledger")


def test_a_good_command_is_intent_then_deed_then_result(box: DeskBox) -> None:
    order: list[int] = []

    def look(command: Command) -> Mapping[str, Json]:
        order.append(len(box.leaves(ACCEPTED)) - len(box.leaves(RESULT)))
        return {"seen": command.signers[0]}

    box.handlers[IDENTIFY] = look
    note = box.office.write(IDENTIFY, "li")
    answer = box.desk.receive(note, MQTT)
    assert said(answer) == ("succeeded", None)
    assert answer.result == {"seen": "li"}
    assert order == [1], "the intent was durable, the result was not"
    assert box.answers() == [("accepted", None), ("succeeded", None)]
    accepted, result = box.leaves()
    assert (accepted.type, accepted.actor, accepted.authority) == (
        ACCEPTED,
        "li",
        f"command:{box.office.last_id}",
    )
    assert accepted.body["note"] == note.decode()
    assert (result.type, result.body["status"], result.n) == (RESULT, "succeeded", answer.leaf)
    assert {one.type for one in box.book.told} == {f"identify/{box.office.last_id}"}


def test_a_retained_command_is_refused_unread(box: DeskBox) -> None:
    answer = box.desk.receive(box.office.write(IDENTIFY, "li"), Origin(retained=True))
    assert said(answer) == ("rejected", "command.retained")
    assert not box.done


def test_the_answer_goes_where_the_topic_said(box: DeskBox) -> None:
    address = ("identify", "019ab3a1-0400-7abc-8def-0123456789ab")
    answer = box.desk.receive(b"garbage", Origin(address=address))
    assert (answer.type, answer.cmd_id) == address
    assert box.book.told[-1].type == "/".join(address)
    box.desk.receive(b"garbage", MQTT)
    assert [one.kind for one in box.book.told] == ["e", "res", "e"]


def test_a_repeat_gets_the_first_answer(box: DeskBox) -> None:
    note = box.office.write(IDENTIFY, "li")
    first = box.desk.receive(note, MQTT)
    box.crash()
    box.start()
    again = box.desk.receive(note, MQTT)
    assert (again.status, again.result, again.leaf) == (first.status, first.result, first.leaf)
    assert again.reason == "command.repeated"
    assert len(box.done) == 1


def test_ten_thousand_garbage_messages_make_few_leaves_and_silence_nobody(box: DeskBox) -> None:
    address = ("identify", "019ab3a1-0400-7abc-8def-0123456789ab")
    for number in range(10_000):
        box.desk.receive(b"garbage %d" % number, Origin(address=address))
        box.clock.advance(0.001)
        if number % 1000 == 0:
            box.desk.tick(alarmed=True)
    person = box.desk.receive(box.office.write(CommandType.MAINTENANCE, "li"), MQTT)
    assert person.leaf is not None
    assert said(box.desk.receive(box.office.write(IDENTIFY, "li"), MQTT)) == ("succeeded", None)
    box.clock.advance(60)
    box.desk.tick(alarmed=True)
    box.desk.tick(alarmed=True)
    denied = box.leaves(DENIED)
    assert len(denied) <= BURST + 4
    assert sum(int(str(leaf.body["count"])) for leaf in denied) == 10_000 + 1
    assert denied[-1].body["reasons"] == {"command.bad": int(str(denied[-1].body["count"]))}
    assert len(box.book.told) <= 3 * (BURST + 4)


def test_while_no_alarm_says_so_what_was_only_counted_is_told_after_a_second(box: DeskBox) -> None:
    for number in range(BURST + 3):
        box.desk.receive(b"garbage %d" % number, MQTT)
    box.desk.tick(alarmed=False)
    assert len(box.leaves(DENIED)) == BURST
    box.clock.advance(1)
    box.desk.tick(alarmed=True)
    assert len(box.leaves(DENIED)) == BURST
    box.desk.tick(alarmed=False)
    box.desk.tick(alarmed=False)
    assert [leaf.body["count"] for leaf in box.leaves(DENIED)[BURST:]] == [3]


def test_what_was_lost_on_the_way_is_told_at_the_end(box: DeskBox) -> None:
    box.desk.overflowed(0)
    box.desk.overflowed(7)
    box.desk.tick(alarmed=True)
    assert box.leaves() == []
    box.desk.close()
    [leaf] = box.leaves()
    assert (leaf.body["reason"], leaf.body["reasons"]) == ("command.flood", {"command.queue-full": 7})


@pytest.mark.parametrize("error", [KeyError("x"), ValueError("secret"), TypeError("x"), OSError("x")])
def test_a_defect_costs_its_command_only(box: DeskBox, error: Exception) -> None:
    def broken(_: Command) -> Mapping[str, Json]:
        raise error

    box.handlers[IDENTIFY] = broken
    answer = box.desk.receive(box.office.write(IDENTIFY, "li"), MQTT)
    assert said(answer) == ("failed", "command.defect")
    assert "secret" not in f"{answer}"


@pytest.mark.parametrize("result", [{"x": 0.5}, {"x": "y" * 9000}, {"x": {1, 2}}])
def test_a_result_that_no_leaf_can_hold_is_a_defect(box: DeskBox, result: dict[str, Json]) -> None:
    box.handlers[IDENTIFY] = lambda _: result
    assert said(box.desk.receive(box.office.write(IDENTIFY, "li"), MQTT)) == ("failed", "command.defect")


def test_a_refusing_handler_is_a_failed_command(box: DeskBox) -> None:
    def refuse(_: Command) -> Mapping[str, Json]:
        raise Refuse("hold.unknown", "no such hold", "look at the list")

    box.handlers[IDENTIFY] = refuse
    answer = box.desk.receive(box.office.write(IDENTIFY, "li"), MQTT)
    assert (answer.status, answer.reason, answer.text) == (Status.FAILED, "hold.unknown", "no such hold")
    assert box.leaves(RESULT)[0].body["reason"] == "hold.unknown"


class PowerCut(BaseException):
    """The process is gone in the middle of a handler."""


def _cut(box: DeskBox, note: bytes) -> None:
    good = box.handlers[IDENTIFY]

    def die(_: Command) -> Mapping[str, Json]:
        raise PowerCut

    box.handlers[IDENTIFY] = die
    with pytest.raises(PowerCut):
        box.desk.receive(note, MQTT)
    box.handlers[IDENTIFY] = good
    box.crash()
    box.start()


def test_a_power_cut_in_between_is_answered_after_boot(box: DeskBox) -> None:
    note = box.office.write(IDENTIFY, "li", args={"a": "b"})
    _cut(box, note)
    assert said(box.desk.receive(note, MQTT)) == ("executing", "command.repeated")
    box.book.told.clear()
    box.clock.advance(86_400)  # its not_after has passed since: it was in time when it was accepted
    box.desk.resume()
    assert box.answers() == [("executing", None), ("succeeded", None)]
    assert [(one.args, one.signers) for one in box.done] == [({"a": "b"}, ("li",))]
    assert [leaf.body["attempt"] for leaf in box.leaves(ACCEPTED)] == [1, 2]
    box.desk.resume()
    assert len(box.done) == 1


def test_a_command_that_stops_the_keeper_twice_is_not_tried_again(box: DeskBox) -> None:
    _cut(box, box.office.write(IDENTIFY, "li"))

    def die(_: Command) -> Mapping[str, Json]:
        raise PowerCut

    box.handlers[IDENTIFY] = die
    with pytest.raises(PowerCut):
        box.desk.resume()
    box.crash()
    box.start()
    box.desk.resume()
    assert box.answers() == [("executing", None), ("failed", "command.interrupted")]


def test_a_note_too_big_for_its_leaf_is_answered_as_interrupted(box: DeskBox) -> None:
    note = box.office.write(IDENTIFY, "li", args={"a": "b" * desk_module.MAX_NOTE_IN_LEAF})
    _cut(box, note)
    assert box.leaves(ACCEPTED)[0].body["note"] is None
    box.desk.resume()
    assert box.answers() == [("executing", None), ("failed", "command.interrupted")]
    assert not box.done


def test_a_leaf_that_somebody_wrote_by_hand_orders_nothing(box: DeskBox) -> None:
    unsigned = box.office.write(PLAN, "stranger", "stranger", nonce=box.office.nonce).decode()
    facts: dict[str, Json] = {
        "cmd_id": box.office.last_id, "type": "plan.set", "signers": ["wang", "zhao"], "key": "k",
        "counter": 99, "sha256": "0" * 64, "note": unsigned, "attempt": 1,
    }  # fmt: skip
    box.ledger.append(box.clock.now(), 1, ACCEPTED, facts)
    box.crash()
    box.start()
    box.desk.resume()
    assert box.answers() == [("executing", None), ("failed", "command.unknown-key")]
    assert not box.done


def test_a_ledger_that_fails_stops_everything(box: DeskBox) -> None:
    note = box.office.write(IDENTIFY, "li")
    box.crash()
    with pytest.raises(Halt) as caught:
        box.desk.receive(note, MQTT)
    assert caught.value.code == "ledger.failed"
    assert not box.done


def test_memory_is_bounded_and_counters_stay(box: DeskBox) -> None:
    first = box.office.write(IDENTIFY, "li")
    box.desk.receive(first, MQTT)
    for _ in range(MAX_FINISHED):
        box.desk.receive(box.office.write(IDENTIFY, "li"), MQTT)
    assert len(box.account.finished) == MAX_FINISHED
    assert said(box.desk.receive(first, MQTT)) == ("rejected", "command.counter")
    box.crash()
    box.start()
    assert len(box.account.finished) == MAX_FINISHED
    assert list(box.account.counters.values()) == [MAX_FINISHED + 1]


def test_the_birth_has_a_new_nonce_at_each_start_and_says_what_the_box_does(box: DeskBox) -> None:
    first = box.desk.birth_facts()
    assert first["commands"] == {"v": 1, "types": ["identify", "ledger.prove", "plan.set"]}
    box.crash()
    box.start()
    assert box.desk.birth_facts()["cmd_nonce"] != first["cmd_nonce"]


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (b'{"v":1,"type":"identify","args":{}}\n', ("succeeded", None)),
        (b'{"v":1,"type":"plan.set","args":{}}', ("rejected", "command.not-local")),
        (b'{"v":1,"type":"rebirth","args":{}}', ("rejected", "command.not-here")),
        (b'{"v":1,"type":"shell.run","args":{}}', ("rejected", "command.unknown-type")),
        (b'{"v":2,"type":"identify","args":{}}', ("rejected", "command.version")),
        (b'{"v":1,"type":"identify"}', ("rejected", "command.bad")),
        (b"{", ("rejected", "command.bad")),
        (b"", ("rejected", "command.bad")),
        (b'{"v":1,"type":"identify","args":{"a":0.5}}', ("rejected", "command.bad")),
        (b" " * (command_v1.MAX_NOTE + 1), ("rejected", "command.too-large")),
    ],
)
def test_the_door(box: DeskBox, request_: bytes, expected: tuple[str, str | None]) -> None:
    assert said(box.desk.ask(request_, 1000)) == expected
    leaf = box.leaves()[0]
    assert leaf.actor == "uid:1000"
    assert leaf.authority == ("local-door" if expected[1] is None else "none")


def test_a_signed_note_at_the_door_has_the_same_checks(box: DeskBox) -> None:
    assert said(box.desk.ask(box.office.write(PLAN, "wang", nonce=box.office.nonce), 0)) == (
        "rejected",
        "command.too-few-signatures",
    )
    good = box.office.write(PLAN, "wang", "zhao", nonce=box.office.nonce)
    assert said(box.desk.ask(good, 0)) == ("succeeded", None)
    assert box.leaves()[-1].actor == "wang"


def test_an_unsigned_request_is_answered_after_a_power_cut_too(box: DeskBox) -> None:
    good = box.handlers[IDENTIFY]

    def die(_: Command) -> Mapping[str, Json]:
        raise PowerCut

    box.handlers[IDENTIFY] = die
    with pytest.raises(PowerCut):
        box.desk.ask(b'{"v":1,"type":"identify","args":{"a":1}}', 7)
    box.handlers[IDENTIFY] = good
    box.crash()
    box.start()
    box.desk.resume()
    assert box.answers()[-1] == ("succeeded", None)
    assert (box.done[0].args, box.done[0].signers) == ({"a": 1}, ("uid:7",))
