"""kill -9 at random moments: of the broker, and of what reports (a reporter under load, a whole keeper).

What must hold after all kills: what `put` had taken arrives at least once; one number has one content, so
that a receiver that drops numbers it has sees nothing twice; every number from 1 on arrived or is named by a
newer message. The listener subscribes with QoS 0 and before the box may come in: what the broker had
acknowledged and not passed on when it was killed would be the broker's loss, not the box's.
`make link-kill-loop` kills 50 of each kind.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest

from agent.formats import mqtt_v1
from agent.formats.ledger_v1 import LeafType
from tests.fakes.agents import ROOT, make_box, start, stop
from tests.fakes.brokers import BrokerProcess, mosquitto_broker, wait_until
from tests.fakes.controllers import Controller
from tests.fakes.gates import Gate

pytestmark = pytest.mark.requires("mosquitto")


class Listener(Controller):
    """Gets everything with QoS 0: the broker passes it on before it acknowledges, and keeps nothing back."""

    def _on_connect(self, client: paho.Client, *_: object) -> None:
        client.subscribe("edgeward/v1/#", qos=0)

    def numbered(self) -> dict[int, dict[str, Any]]:
        """By number; AssertionError when one number came with two contents."""
        found: dict[int, bytes] = {}
        for _, payload, _, envelope in list(self.got):
            data = payload or (envelope or "").encode()
            seq = mqtt_v1.decode(data)["seq"]
            if seq is not None:
                assert found.setdefault(seq, data) == data, f"number {seq} stands for two messages"
        return {seq: mqtt_v1.decode(data) for seq, data in found.items()}


class Ward:
    """A broker that may be killed, its listener, and the gate that leads to it."""

    def __init__(self, folder: Path) -> None:
        self.broker: BrokerProcess = mosquitto_broker(folder)
        with (folder / "mosquitto.conf").open("a") as config:
            config.write("max_queued_messages 0\n")
        self.gate = Gate(self.broker.port)
        self.broker.start()
        self.listener = Listener(self.broker)
        self.gate.open()

    def kill_broker(self) -> None:
        ready = self.listener.ready
        self.broker.kill()
        self.gate.shut()
        self.broker.start()
        wait_until(lambda: self.listener.ready > ready, "the listener is back", 30)
        self.gate.open()

    def close(self) -> None:
        self.gate.close()
        self.listener.close()
        self.broker.kill()


@pytest.fixture
def ward(tmp_path: Path) -> Iterator[Ward]:
    folder = tmp_path / "ward"
    folder.mkdir()
    made = Ward(folder)
    yield made
    made.close()


@pytest.fixture
def kills(request: pytest.FixtureRequest) -> int:
    count = request.config.getoption("--kills")
    assert isinstance(count, int)
    return count


def kill_both(ward: Ward, begin: Callable[[], subprocess.Popen[Any]], kills: int, dice: random.Random) -> int:
    """So many of each kind in random order, each after something new had come. Gives the last exit code."""
    process = begin()
    try:
        order = ["broker", "box"] * kills
        dice.shuffle(order)
        for victim in order:
            before = len(ward.listener.got)
            wait_until(lambda before=before: len(ward.listener.got) > before, "messages flow", 60)  # type: ignore[misc] # a default binds the loop's value
            threading.Event().wait(dice.uniform(0.0, 0.6))  # the moment is the input of this test
            if victim == "broker":
                ward.kill_broker()
            else:
                os.kill(process.pid, signal.SIGKILL)
                process.wait()
                process = begin()
        before = len(ward.listener.got)
        wait_until(lambda: len(ward.listener.got) > before, "messages flow at the end", 60)
        return stop(process, 180)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def unexplained(numbered: dict[int, dict[str, Any]]) -> list[int]:
    """Numbers that neither came nor are named in `replaces`."""
    replaced = {old for fields in numbered.values() for old in fields.get("replaces", [])}
    return [seq for seq in range(1, max(numbered) + 1) if seq not in numbered and seq not in replaced]


def test_a_reporter_under_load_loses_nothing_and_tells_nothing_twice(
    tmp_path: Path, ward: Ward, kills: int
) -> None:
    outbox, log = tmp_path / "outbox.db", tmp_path / "told"
    lives: list[int] = []

    def begin() -> subprocess.Popen[bytes]:
        lives.append(len(lives))
        words = [str(ward.gate.port), str(outbox), str(log), str(len(lives))]
        return subprocess.Popen([sys.executable, "-m", "tests.fakes.reporters", *words], cwd=ROOT)

    assert kill_both(ward, begin, kills, random.Random(13)) == 0
    assert len(lives) == kills + 1
    wait_until(lambda: ward.listener.statuses()[-1] == ("offline", "stopped"), "the goodbye")
    numbered = ward.listener.numbered()
    assert unexplained(numbered) == []
    names = [fields["name"] for fields in numbered.values() if "name" in fields]
    told = log.read_text().split()
    assert len(told) > 25 * len(lives), "the load was a load"
    assert set(told) - set(names) == set(), "what put had taken did not arrive"
    events = [mqtt_v1.decode(data) for topic, data, _, _ in ward.listener.got if topic.endswith("/e/segment")]
    by_name: dict[str, set[int]] = {}
    for fields in events:
        by_name.setdefault(fields["name"], set()).add(fields["seq"])
    assert all(len(seqs) == 1 for seqs in by_name.values()), "one event has one number"
    first_seen = list(dict.fromkeys(fields["seq"] for fields in events))
    assert first_seen == sorted(first_seen), "first deliveries come in order"


def test_a_whole_keeper_accounts_for_every_number(tmp_path: Path, ward: Ward, kills: int) -> None:
    folder = tmp_path / "box"
    folder.mkdir()
    where = f'[mqtt]\nhost = "{ward.broker.host}"\nport = {ward.gate.port}\ntls = false\n'
    box = make_box(folder, segment_s=0.5, extra=where)
    assert kill_both(ward, lambda: start(box), kills, random.Random(17)) == 0
    wait_until(lambda: ward.listener.statuses()[-1] == ("offline", "stopped"), "the goodbye")
    numbered = ward.listener.numbered()
    assert unexplained(numbered) == []
    told = [fields["leaf"] for fields in numbered.values() if "torn" in fields]
    starts = {leaf.n for leaf in box.leaves(LeafType.BOOT)}
    assert len(starts) > 1, "the keeper was killed"
    assert len(set(told)) == len(told) and set(told) <= starts, "a start is told once"
    assert box.verify().ok
