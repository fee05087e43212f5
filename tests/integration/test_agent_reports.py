"""What the controller hears from a real agent, from two real brokers: every message is as its schema says,
every number is accounted for, and a broker that comes late or dies costs nothing but time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.formats import mqtt_v1
from agent.formats.ledger_v1 import LeafType
from tests.fakes.agents import SYNTHETIC, Box, make_box, running, start, stop, wait_for_segments, wait_until
from tests.fakes.brokers import BrokerProcess, iotcore_broker, mosquitto_broker
from tests.fakes.controllers import Controller
from tests.fakes.message_schemas import check_schema, schema_of

_EVENT_LEAVES = (
    LeafType.BOOT,
    LeafType.CONFIGURATION,
    LeafType.RECORDING_OPENED,
    LeafType.SEGMENT,
    LeafType.GAP,
    LeafType.RECORDING_CLOSED,
    LeafType.SHUTDOWN,
)


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
    yield made
    made.kill()


def _box(root: Path, broker: BrokerProcess, source: str = SYNTHETIC) -> Box:
    folder = root / "box"
    folder.mkdir()
    mqtt = f'[mqtt]\nhost = "{broker.host}"\nport = {broker.port}\ntls = false\n'
    return make_box(folder, source=source, extra=mqtt)


def _checked(controller: Controller) -> list[tuple[str, dict[str, Any]]]:
    """Everything that came, decoded and held against its schema; clears by their envelope."""
    found: list[tuple[str, dict[str, Any]]] = []
    for topic, payload, _, envelope in controller.got:
        body = mqtt_v1.decode(payload or (envelope or "").encode())
        check_schema(schema_of(topic) if payload else "envelope", body)
        found.append((topic, body))
    return found


def _accounted(messages: list[tuple[str, dict[str, Any]]]) -> set[int]:
    numbers: set[int] = set()
    for _, body in messages:
        numbers.update([body["seq"]] if body["seq"] is not None else [], body.get("replaces", []))
    return numbers


def _leaves_told(messages: list[tuple[str, dict[str, Any]]]) -> list[int]:
    """The ledger indexes of the events, in the order of their arrival, each once."""
    return list(dict.fromkeys(body["leaf"] for topic, body in messages if "/e/" in topic))


def test_a_broker_that_comes_late_hears_everything_in_order(tmp_path: Path, broker: BrokerProcess) -> None:
    box = _box(tmp_path, broker)
    agent = start(box)
    wait_for_segments(box, 3)
    broker.start()
    controller = Controller(broker)
    try:
        wait_until("the box is on line", lambda: ("online", None) in controller.statuses(), 90)
        wait_for_segments(box, len(box.leaves(LeafType.SEGMENT)) + 2)
        assert stop(agent) == 0
        wait_until("goodbye", lambda: controller.statuses()[-1:] == [("offline", "stopped")])
    finally:
        controller.close()
        if agent.poll() is None:
            agent.kill()
            agent.wait()
    messages = _checked(controller)
    expected = [leaf.n for leaf in box.leaves(*_EVENT_LEAVES)]
    assert _leaves_told(messages) == expected
    numbers = _accounted(messages)
    assert numbers == set(range(1, max(numbers) + 1)), "a number is missing and nothing explains it"
    assert box.status()["outbox_failures"] == 0
    kinds = {topic.split("/", 4)[4] for topic, _ in messages}
    assert {"birth/box", "state/channel", "ckpt/head", "m/box", "m/channel", "e/configuration"} <= kinds
    assert {"twin/software", "twin/hardware", "twin/keys", "twin/spec", "twin/device"} <= kinds


def test_a_broker_that_dies_costs_only_time(tmp_path: Path, broker: BrokerProcess) -> None:
    box = _box(tmp_path, broker)
    broker.start()
    controller = Controller(broker)
    try:
        with running(box) as agent:
            wait_until("the first segment is told", lambda: bool(controller.messages("/e/segment")), 30)
            broker.kill()
            wait_for_segments(box, len(box.leaves(LeafType.SEGMENT)) + 2)
            subscribed = controller.ready
            broker.start()
            wait_until("the controller listens again", lambda: controller.ready > subscribed, 30)
            late = len(box.leaves(LeafType.SEGMENT))
            wait_until(
                "segments of the dark time are told",
                lambda: len({m["leaf"] for m in controller.messages("/e/segment")}) > late,
                90,
            )
        assert agent.returncode == 0
    finally:
        controller.close()
    assert _checked(controller)
    assert [leaf.body for leaf in box.leaves(LeafType.GAP)] == [], "the broker is not the camera's business"
    assert box.verify().result == "ok"


def test_an_alarm_is_taken_back_after_a_restart(tmp_path: Path, broker: BrokerProcess) -> None:
    broker.start()
    missing = tmp_path / "clip.mp4"
    box = _box(tmp_path, broker, f'kind = "file"\npath = "{missing}"\nloop = true\n')
    controller = Controller(broker)
    try:
        agent = start(box)
        wait_until("the alarm is told", lambda: bool(controller.messages("/a/source-missing")), 30)
        agent.kill()
        agent.wait()
        box.config.write_text(
            box.config.read_text().replace(f'kind = "file"\npath = "{missing}"\nloop = true\n', SYNTHETIC)
        )
        with running(box):
            wait_until(
                "the alarm is cleared",
                lambda: ("edgeward/v1/test-box/ch0/a/source-missing", b"") in [m[:2] for m in controller.got],
                30,
            )
    finally:
        controller.close()
    _checked(controller)
    raised = box.leaves(LeafType.ALARM_RAISED)
    closed = box.leaves(LeafType.ALARM_CLOSED)
    assert [leaf.body["code"] for leaf in raised] == [
        "source.missing",
        "audit.log-gap",
        "audit.configuration",
    ]
    assert [(leaf.body["code"], leaf.body["why"]) for leaf in closed] == [("source.missing", "restart")]
