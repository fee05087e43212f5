"""Commands over real brokers: each attack gets its own code, a leaf and no effect, and the box stays well."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from agent.control.denials import BURST
from agent.formats import command_v1, mqtt_v1, tlog_proof_v1
from agent.formats.ledger_v1 import LeafType, encode_leaf, origin
from agent.ledger.checkpoint import verified
from agent.ledger.signing import Verifier
from agent.ledger.tree import leaf_hash, verify_inclusion
from agent.link import wire
from agent.link.wire import Inbound
from agent.model.commands import CommandType
from agent.model.times import ClockQuality
from tests.fakes.brokers import BrokerProcess, iotcore_broker, mosquitto_broker, wait_until
from tests.fakes.commanded_boxes import BOX, KEY, TOPIC, CommandedBox, Sender
from tests.fakes.controllers import Controller
from tests.fakes.message_schemas import check_schema, schema_of
from tests.fakes.operators import Office, sign

IDENTIFY, PROVE, PLAN = CommandType.IDENTIFY, CommandType.LEDGER_PROVE, CommandType.PLAN_SET
MAINTENANCE, REBIRTH = CommandType.MAINTENANCE, CommandType.REBIRTH
DENIED, ACCEPTED = LeafType.COMMAND_DENIED, LeafType.COMMAND_ACCEPTED


@pytest.fixture(
    params=[
        pytest.param(mosquitto_broker, id="mosquitto", marks=pytest.mark.requires("mosquitto")),
        pytest.param(iotcore_broker, id="iotcore"),
    ]
)
def broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[BrokerProcess]:
    make: Callable[[Path], BrokerProcess] = request.param
    made = make(tmp_path)
    made.start()
    yield made
    made.kill()


@pytest.fixture
def controller(broker: BrokerProcess) -> Iterator[Controller]:
    listener = Controller(broker)
    yield listener
    listener.close()


@pytest.fixture
def sender(broker: BrokerProcess) -> Iterator[Sender]:
    one = Sender(broker)
    yield one
    one.close()


@pytest.fixture
def box(broker: BrokerProcess, controller: Controller, tmp_path: Path) -> Iterator[CommandedBox]:
    made = CommandedBox(tmp_path / "box", broker)
    yield made
    made.stop()


def bodies(controller: Controller, cmd_id: str) -> list[dict[str, Any]]:
    """The answers to one command. The controller hears commands, too, so it must look at the whole topic."""
    return [
        mqtt_v1.decode(data)
        for topic, data, _, _ in list(controller.got)
        if "/_/res/" in topic and topic.endswith(f"/{cmd_id}")
    ]


def answers(controller: Controller, cmd_id: str) -> list[tuple[str, str | None]]:
    return [(each["status"], each["reason"]) for each in bodies(controller, cmd_id)]


def give(box: CommandedBox, sender: Sender, kind: CommandType, *names: str, **changes: Any) -> str:
    """Publishes a command on its topic. Returns its id."""
    note = box.office.write(kind, *names, **changes)
    sender.send(f"{TOPIC}/{kind.value}/{box.office.last_id}", note)
    return box.office.last_id


def until_answered(
    box: CommandedBox, controller: Controller, cmd_id: str, count: int
) -> list[tuple[str, str | None]]:
    def enough() -> bool:
        box.post.drain()
        return len(answers(controller, cmd_id)) >= count

    wait_until(enough, f"{count} answers")
    return answers(controller, cmd_id)


def test_a_good_command_is_accepted_then_done(
    box: CommandedBox, controller: Controller, sender: Sender
) -> None:
    cmd_id = give(box, sender, IDENTIFY, "li")
    assert until_answered(box, controller, cmd_id, 2) == [("accepted", None), ("succeeded", None)]
    assert box.log == ["identify: li looks for this box"]
    assert [alarm.code for alarm in box.book.alarms] == ["identify.asked"]
    for topic, payload, retained, _ in controller.got:
        if "/res/" in topic:
            assert topic == f"edgeward/v1/{BOX}/_/res/identify/{cmd_id}"
            assert not retained
            check_schema(schema_of(topic), mqtt_v1.decode(payload))


def test_a_proof_holds_for_who_knows_the_boxs_key_only(
    box: CommandedBox, controller: Controller, sender: Sender
) -> None:
    give(box, sender, IDENTIFY, "li")
    cmd_id = give(box, sender, PROVE, "ida", args={"leaf": 0}, counter=1)
    until_answered(box, controller, cmd_id, 2)
    result = bodies(controller, cmd_id)[-1]["result"]
    proof = tlog_proof_v1.decode(result["proof"])
    head = verified(proof.note, Verifier(KEY.verifier_key), origin(BOX))
    entry = encode_leaf(next(iter(box.ledger.leaves())))
    assert verify_inclusion(leaf_hash(entry), proof.index, head.size, proof.path, head.root)
    assert not verify_inclusion(leaf_hash(entry + b" "), proof.index, head.size, proof.path, head.root)


def test_maintenance_is_told_and_survives_a_restart(
    box: CommandedBox, controller: Controller, sender: Sender
) -> None:
    cmd_id = give(box, sender, MAINTENANCE, "li", args={"on": True})
    until_answered(box, controller, cmd_id, 2)
    wait_until(lambda: controller.statuses()[-1] == ("maintenance", None), "the status says it")
    box.stop()
    box.start()
    wait_until(lambda: controller.statuses()[-2:] == [("offline", "stopped"), ("maintenance", None)], "again")
    cmd_id = give(box, sender, MAINTENANCE, "li", args={"on": False})
    until_answered(box, controller, cmd_id, 2)
    wait_until(lambda: controller.statuses()[-1] == ("online", None), "and its end")


def test_a_rebirth_says_everything_again_once_a_minute(
    box: CommandedBox, controller: Controller, sender: Sender
) -> None:
    box.book.checkpoint()
    wait_until(lambda: not box.waiting(), "the head was told")
    heads = len(controller.messages("/ckpt/head"))
    cmd_id = give(box, sender, REBIRTH, "ida")
    until_answered(box, controller, cmd_id, 2)
    wait_until(lambda: len(controller.messages("/birth/box")) == 2, "the second birth")
    wait_until(lambda: len(controller.messages("/ckpt/head")) > heads, "retained messages came again")
    first, second = controller.messages("/birth/box")
    assert first["cmd_nonce"] == second["cmd_nonce"] == box.office.nonce
    check_schema("birth", second)
    again = give(box, sender, REBIRTH, "ida")
    assert until_answered(box, controller, again, 2)[-1] == ("failed", "rebirth.too-often")


def _replay(box: CommandedBox, sender: Sender, controller: Controller) -> bytes:
    note = box.office.write(IDENTIFY, "li")
    sender.send(f"{TOPIC}/identify/{box.office.last_id}", note)
    until_answered(box, controller, box.office.last_id, 2)
    return note


def _reorder(box: CommandedBox, sender: Sender, controller: Controller) -> bytes:
    first, its_id = box.office.write(IDENTIFY, "li"), box.office.last_id
    until_answered(box, controller, give(box, sender, IDENTIFY, "li"), 2)
    box.office.last_id = its_id
    return first


def _restored(box: CommandedBox, sender: Sender, controller: Controller) -> bytes:
    image = box.folder.with_name("image")
    box.stop()
    shutil.copytree(box.folder, image)
    box.start()
    note = box.office.write(PLAN, "wang", "zhao", nonce=box.office.nonce)
    box.stop()
    shutil.rmtree(box.folder)
    image.rename(box.folder)
    box.start()
    return note


def _years(box: CommandedBox, *_: object) -> bytes:
    box.clock.shift_ns = -30 * 365 * 86_400 * 10**9
    return box.office.write(IDENTIFY, "li")


def _distrusted(box: CommandedBox, *_: object) -> bytes:
    box.clock.quality = ClockQuality.UNSYNCED
    return box.office.write(IDENTIFY, "li")


def _late(box: CommandedBox, *_: object) -> bytes:
    wall_ns = box.office.wall_ns
    return box.office.write(IDENTIFY, "li", issued_ns=wall_ns - 10**13, not_after_ns=wall_ns - 301 * 10**9)


def _early(box: CommandedBox, *_: object) -> bytes:
    wall_ns = box.office.wall_ns
    return box.office.write(IDENTIFY, "li", issued_ns=wall_ns + 10**12, not_after_ns=wall_ns + 2 * 10**12)


def _written(kind: CommandType, *names: str, **changes: Any) -> Callable[..., bytes]:
    return lambda box, *_: box.office.write(kind, *names, **changes)


def _changed(before: str, after: str) -> Callable[..., bytes]:
    return lambda box, *_: sign(box.office.text(IDENTIFY, "li").replace(before, after), "li")


Attack = Callable[[CommandedBox, Sender, Controller], bytes]
ATTACKS: Mapping[str, tuple[str, Attack]] = {
    "replay": ("command.repeated", _replay),
    "reorder": ("command.counter", _reorder),
    "other-box": ("command.other-box", _written(IDENTIFY, "li", box="or-4")),
    "expired": ("command.expired", _late),
    "future": ("command.not-yet", _early),
    "wrong-key": ("command.unknown-key", _written(IDENTIFY, "stranger")),
    "wrong-role": ("command.role", _written(IDENTIFY, "ida")),
    "one-signature": (
        "command.too-few-signatures",
        lambda box, *_: box.office.write(PLAN, "wang", nonce=box.office.nonce),
    ),
    "same-key-twice": (
        "command.same-signer",
        lambda box, *_: box.office.write(PLAN, "wang", "wang", nonce=box.office.nonce),
    ),
    "oversize": ("command.too-large", lambda *_: b"x" * (command_v1.MAX_NOTE + 1)),
    "unknown-operation": ("command.unknown-type", _changed('"identify"', '"shell.run"')),
    "unknown-version": ("command.version", _changed('"v":1', '"v":2')),
    "clock-off-by-years": ("command.not-yet", _years),
    "clock-not-trusted": ("command.clock-untrusted", _distrusted),
    "restored-disk": ("command.old-birth", _restored),
    "unsigned": ("command.bad", lambda *_: b'{"v":1,"type":"identify","args":{}}'),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_attack(name: str, box: CommandedBox, controller: Controller, sender: Sender) -> None:
    expected, make = ATTACKS[name]
    box.office.last_id = "019ab3a1-0400-7abc-8def-0123456789ab"
    note = make(box, sender, controller)
    kind = "plan.set" if b'"plan.set"' in note else "identify"
    cmd_id = box.office.last_id
    before, log = len(answers(controller, cmd_id)), list(box.log)
    accepted = len(box.leaves(ACCEPTED))
    sender.send(f"{TOPIC}/{kind}/{cmd_id}", note)
    box.settle(1)
    assert until_answered(box, controller, cmd_id, before + 1)[-1][1] == expected
    [denied] = box.leaves(DENIED)
    assert denied.body["reason"] == expected
    assert (box.log, len(box.leaves(ACCEPTED))) == (log, accepted), "it had an effect"
    wait_until(lambda: controller.messages("/e/command-denied"), "the event")
    check_schema("e-command-denied", controller.messages("/e/command-denied")[0])
    assert box.link.is_alive()
    assert box.link.stats.reconnects == 0


def test_a_retained_command_is_refused_at_the_subscription(
    broker: BrokerProcess, controller: Controller, sender: Sender, tmp_path: Path
) -> None:
    note = Office(BOX, wall_ns=time.time_ns() // 1000 * 1000)
    text = note.write(IDENTIFY, "li")
    topic = f"{TOPIC}/identify/{note.last_id}"
    sender.send(topic, text, retain=True)
    box = CommandedBox(tmp_path / "box", broker)
    try:
        box.settle(1)
        if broker.name == "mosquitto":  # the other one gives retained messages to new sessions only
            box.stop()
            box.start()
            box.settle(2)
        assert {leaf.body["reason"] for leaf in box.leaves(DENIED)} == {"command.retained"}
        assert not box.log
    finally:
        box.stop()


@pytest.mark.requires("mosquitto")
def test_a_retained_command_is_refused_when_it_is_published(tmp_path: Path) -> None:
    """Where the broker knows Retain As Published; iotcore's gives it as if it were not retained."""
    broker = mosquitto_broker(tmp_path)
    broker.start()
    sender = Sender(broker)
    box = CommandedBox(tmp_path / "box", broker)
    try:
        note = box.office.write(IDENTIFY, "li")
        sender.send(f"{TOPIC}/identify/{box.office.last_id}", note, retain=True)
        box.settle(1)
        assert [leaf.body["reason"] for leaf in box.leaves(DENIED)] == ["command.retained"]
        assert not box.log
    finally:
        box.stop()
        sender.close()
        broker.kill()


def test_ten_thousand_garbage_messages_cost_little_and_the_next_good_one_works(
    box: CommandedBox, controller: Controller, sender: Sender
) -> None:
    topic = f"{TOPIC}/identify/019ab3a1-0400-7abc-8def-0123456789ab"
    arrived = 0
    put = box.inbox.put

    def counting(message: Inbound) -> None:
        nonlocal arrived
        put(message)
        arrived += 1

    box.inbox.put = counting  # type: ignore[method-assign] # to know what the broker really delivered
    for batch in range(20):  # more at once than a broker queues would die there
        for one in [sender.begin(topic, b"garbage %d %d" % (batch, number)) for number in range(500)]:
            sender.wait(one)

        def all_here(count: int = 500 * (batch + 1)) -> bool:
            box.post.drain()
            return arrived >= count

        wait_until(all_here, "they arrived", 60)
    while len(box.inbox):
        box.post.drain()
    cmd_id = give(box, sender, IDENTIFY, "li")
    assert until_answered(box, controller, cmd_id, 2) == [("accepted", None), ("succeeded", None)]
    box.desk.close()
    counts = [int(str(leaf.body["count"])) for leaf in box.leaves(DENIED)]
    assert sum(counts) == arrived - 1 >= 10_000
    assert len(counts) <= BURST + 15
    assert box.link.is_alive()
    assert box.link.stats.reconnects == 0


def test_a_flood_that_nobody_takes_is_bounded_and_counted(
    box: CommandedBox, controller: Controller, sender: Sender
) -> None:
    topic = f"{TOPIC}/identify/019ab3a1-0400-7abc-8def-0123456789ab"
    for one in [sender.begin(topic, b"x" * 1000) for _ in range(500)]:
        sender.wait(one)
    box.book.checkpoint()
    wait_until(lambda: not box.waiting(), "the link goes on while nobody takes what came")
    total = 0

    def taken() -> bool:
        nonlocal total
        messages, lost = box.inbox.take(1000)
        total += len(messages) + lost
        assert len(messages) <= 64
        return total == 500

    wait_until(taken, "every message is taken or counted")


def test_a_subscription_that_the_broker_refuses_is_told(
    broker: BrokerProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Planted: mosquitto's access list lets everybody subscribe and delivers nothing."""

    def refused(self: wire.Wire, *_: object) -> None:
        self.events.append(wire.Suback(0x87))

    monkeypatch.setattr(wire.Wire, "_on_subscribe", refused)
    box = CommandedBox(tmp_path / "box", broker)
    try:
        wait_until(lambda: box.link.stats.deaf == "mqtt.suback-87", "the refusal")
        assert box.link.connected
        assert box.link.stats.last_error is None
    finally:
        box.stop()
