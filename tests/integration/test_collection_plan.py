"""A real agent obeys its collection plans: one channel records, its neighbours are refused, and all is told.

STD 6.1: no plan, or a place where nothing may be collected, is no capture, a leaf and a message.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.formats.ledger_v1 import LeafType
from tests.fakes.agents import PLAN, Box, make_box, running, wait_for_segments, wait_until
from tests.fakes.brokers import BrokerProcess, iotcore_broker
from tests.fakes.controllers import Controller
from tests.fakes.message_schemas import check_schema


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[BrokerProcess]:
    folder = tmp_path / "broker"
    folder.mkdir()
    process = iotcore_broker(folder)
    process.start()
    yield process
    process.kill()


def box_of_three(root: Path, broker: BrokerProcess) -> Box:
    """ch0 has a plan, ch1 has none, ch2 looks into a bathroom."""
    mqtt = f'[mqtt]\nhost = "{broker.host}"\nport = {broker.port}\ntls = false\n'
    box = make_box(root, channels=3, extra=mqtt)
    first, *others = box.config.read_text().split(PLAN + "\n")
    bathroom = PLAN.replace('"lab"', '"lab", "ward-3-bathroom"')
    box.config.write_text(f"{first}{PLAN}\n{others[0]}{others[1]}{bathroom}\n{others[2]}")
    return box


def alarms(controller: Controller) -> dict[str, Any]:
    """Retained alarms by topic, as they came last."""
    found = {topic: data for topic, data, _, _ in list(controller.got) if "/a/plan-" in topic}
    return {topic.split("/", 3)[3]: json.loads(data) for topic, data in found.items() if data}


def test_a_channel_without_a_plan_is_refused_and_its_neighbour_records(
    tmp_path: Path, broker: BrokerProcess
) -> None:
    box = box_of_three(tmp_path, broker)
    controller = Controller(broker)
    try:
        with running(box):
            wait_for_segments(box, 2)
            wait_until("both refusals are told", lambda: len(controller.messages("/e/refused")) == 2)
            wait_until("both alarms stand", lambda: len(alarms(controller)) == 2)
    finally:
        controller.close()
    told = {each["channel"]: each for each in controller.messages("/e/refused")}
    for message in told.values():
        check_schema("e-refused", message)
    assert {name: one["code"] for name, one in told.items()} == {
        "ch1": "plan.missing",
        "ch2": "plan.place-forbidden",
    }
    assert {(topic, one["severity"]) for topic, one in alarms(controller).items()} == {
        ("ch1/a/plan-missing", "critical"),
        ("ch2/a/plan-place-forbidden", "critical"),
    }
    opened = [leaf.body for leaf in box.leaves(LeafType.RECORDING_OPENED)]
    assert [(one["channel"], one["scene"], one["place"]) for one in opened] == [
        ("ch0", "imaging-diagnosis", ["lab"])
    ]
    refused = [(leaf.body["channel"], leaf.body["code"]) for leaf in box.leaves(LeafType.REFUSED)]
    assert sorted(refused) == [("ch1", "plan.missing"), ("ch2", "plan.place-forbidden")]
    assert box.verify().ok
