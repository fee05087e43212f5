"""A real agent that is commanded: over real brokers, at its door, by the operators' program, after a kill.

Its recordings go on all the while.
"""

from __future__ import annotations

import json
import os
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agent.control.client import ask, send_note
from agent.formats import mqtt_v1
from agent.formats.ledger_v1 import LeafType
from agent.model.commands import CommandType
from tests.fakes.agents import Box, cli, make_box, running, start, stop, wait_for_segments, wait_until
from tests.fakes.brokers import BrokerProcess, iotcore_broker, mosquitto_broker
from tests.fakes.commanded_boxes import Sender
from tests.fakes.controllers import Controller
from tests.fakes.message_schemas import check_schema, schema_of
from tests.fakes.operators import KEYS, Office, toml

MAINTENANCE, IDENTIFY = CommandType.MAINTENANCE, CommandType.IDENTIFY


@pytest.fixture(
    params=[
        pytest.param(mosquitto_broker, id="mosquitto", marks=pytest.mark.requires("mosquitto")),
        pytest.param(iotcore_broker, id="iotcore"),
    ]
)
def broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[BrokerProcess]:
    make: Callable[[Path], BrokerProcess] = request.param
    folder = tmp_path / "broker"
    folder.mkdir()
    made = make(folder)
    made.start()
    yield made
    made.kill()


def _box(root: Path, extra: str = "") -> Box:
    folder = root / "box"
    folder.mkdir()
    return make_box(folder, extra=toml() + extra)


def _office(nonce: str) -> Office:
    """The machine's clock may be unsynchronised: every command has the nonce."""
    return Office("test-box", wall_ns=time.time_ns() // 1000 * 1000, nonce=nonce)


def _answers(controller: Controller, cmd_id: str) -> list[tuple[str, str | None]]:
    bodies = [
        mqtt_v1.decode(data)
        for topic, data, _, _ in list(controller.got)
        if "/_/res/" in topic and topic.endswith(f"/{cmd_id}")
    ]
    return [(body["status"], body["reason"]) for body in bodies]


def test_over_mqtt_through_a_flood_and_a_kill(tmp_path: Path, broker: BrokerProcess) -> None:
    box = _box(tmp_path, f'[mqtt]\nhost = "{broker.host}"\nport = {broker.port}\ntls = false\n')
    controller, sender = Controller(broker), Sender(broker)
    agent = start(box)
    try:
        wait_until("birth", lambda: bool(controller.messages("/birth/box")), 30)
        office = _office(controller.messages("/birth/box")[-1]["cmd_nonce"])
        topic = f"edgeward/v1/test-box/_/cmd/{MAINTENANCE.value}/"
        note = office.write(MAINTENANCE, "li", nonce=office.nonce, args={"on": True})
        sender.send(topic + office.last_id, note)
        wait_until("the result", lambda: len(_answers(controller, office.last_id)) == 2)
        assert _answers(controller, office.last_id) == [("accepted", None), ("succeeded", None)]
        wait_until("the status", lambda: controller.statuses()[-1] == ("maintenance", None))

        segments = len(box.leaves(LeafType.SEGMENT))
        for one in [sender.begin(topic + office.last_id, b"garbage") for _ in range(2000)]:
            sender.wait(one)
        wait_until("refusals", lambda: len(box.leaves(LeafType.COMMAND_DENIED)) >= 20)
        wait_for_segments(box, segments + 2)

        agent.kill()
        agent.wait()
        births = len(controller.messages("/birth/box"))
        agent = start(box)
        wait_until("the second birth", lambda: len(controller.messages("/birth/box")) > births, 60)
        assert controller.messages("/birth/box")[-1]["cmd_nonce"] != office.nonce
        wait_until("still so", lambda: controller.statuses()[-1] == ("maintenance", None))
        sender.send(topic + office.last_id, note)
        wait_until(
            "the repeat", lambda: ("succeeded", "command.repeated") in _answers(controller, office.last_id)
        )
        assert stop(agent) == 0
    finally:
        if agent.poll() is None:
            agent.kill()
            agent.wait()
        controller.close()
        sender.close()
    assert len(box.leaves(LeafType.COMMAND_ACCEPTED)) == 1
    assert len(box.leaves(LeafType.COMMAND_DENIED)) < 40
    assert box.verify().ok
    for heard, payload, _, envelope in controller.got:
        if "/cmd/" not in heard:
            check_schema(
                schema_of(heard) if payload else "envelope",
                mqtt_v1.decode(payload or (envelope or "").encode()),
            )


def test_at_the_door(tmp_path: Path) -> None:
    box = _box(tmp_path)
    run = box.root / "run"
    with running(box) as agent:
        wait_for_segments(box, 1)
        assert stat.S_IMODE((run / "control.sock").stat().st_mode) == 0o660
        assert ask(run, IDENTIFY, {})["status"] == "succeeded"
        wait_until(
            "the alarm", lambda: any(one["code"] == "identify.asked" for one in box.status()["alarms"])
        )
        assert ask(run, CommandType.PLAN_SET, {})["reason"] == "command.not-local"
        assert ask(run, CommandType.LEDGER_PROVE, {"leaf": 0})["status"] == "succeeded"
        old = _office("f" * 32)
        assert send_note(run, old.write(IDENTIFY, "li", nonce=old.nonce))["reason"] in (
            "command.old-birth",
            "command.clock-untrusted",
        )
        KEYS["li"].save(tmp_path / "li.key")
        note = str(tmp_path / "c.note")
        made = cli("command", "make", "identify", "--box", "or-9", "-k", str(tmp_path / "li.key"), "-o", note)
        assert made.returncode == 0
        sent = cli("command", "send", note, "-c", str(box.config))
        assert (sent.returncode, json.loads(sent.stdout)["reason"]) == (1, "command.other-box")
    assert agent.returncode == 0
    assert not (run / "control.sock").exists()
    assert {leaf.actor for leaf in box.leaves(LeafType.COMMAND_ACCEPTED)} == {f"uid:{os.geteuid()}"}
    reasons = [leaf.body["reason"] for leaf in box.leaves(LeafType.COMMAND_DENIED)]
    assert reasons[0] == "command.not-local"
    assert reasons[-1] == "command.other-box"
    assert box.verify().ok


def test_a_channel_that_is_stopped_collects_nothing_until_it_is_started(tmp_path: Path) -> None:
    box = _box(tmp_path)
    runtime, channel = box.root / "run", {"channel": "ch0"}

    def rows(kind: LeafType) -> list[dict[str, object]]:
        return [dict(leaf.body) for leaf in box.leaves(kind)]

    with running(box):
        wait_for_segments(box, 1)
        assert ask(runtime, CommandType.CHANNEL_STOP, channel)["status"] == "succeeded"
        wait_until("the recording is closed", lambda: bool(rows(LeafType.RECORDING_CLOSED)))
        before = len(rows(LeafType.SEGMENT))
        wait_until("its process is gone", lambda: box.status()["channels"][0]["pid"] is None)
        assert (
            ask(runtime, CommandType.CHANNEL_STOP, channel)["status"] == "succeeded"
        )  # again changes nothing
        assert len(rows(LeafType.SEGMENT)) == before
        assert ask(runtime, CommandType.CHANNEL_START, channel)["status"] == "succeeded"
        wait_for_segments(box, before + 1)
        assert len(rows(LeafType.RECORDING_OPENED)) == 2
        assert [row["cause"] for row in rows(LeafType.GAP)] == ["stopped"]
    assert box.verify().result == "ok-with-gaps"
