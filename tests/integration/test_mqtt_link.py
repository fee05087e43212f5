"""The link against real brokers: nothing is lost, nothing is told twice under two numbers.

Story of each test: a link, a broker that misbehaves, and a controller that listens.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from agent.formats import mqtt_v1
from agent.link import session, wire
from agent.link.client import Link, LinkSettings, Secret
from agent.link.inbox import Inbox
from agent.link.outbox import Outbox
from agent.model.errors import Retry
from agent.model.outgoing import Json, Outgoing, Priority
from agent.model.times import ClockQuality, Instant
from tests.fakes.brokers import BrokerProcess, iotcore_broker, mosquitto_broker, running, wait_until
from tests.fakes.controllers import Controller
from tests.fakes.message_schemas import check_schema

BOX = "box-1"
ROOT = Path(__file__).parents[2]


class RealClock:
    def now(self) -> Instant:
        return Instant(wall_ns=time.time_ns(), mono_ns=time.monotonic_ns(), quality=ClockQuality.SYNCED)

    def mono_ns(self) -> int:
        return time.monotonic_ns()


CLOCK = RealClock()


@pytest.fixture(params=[pytest.param("mosquitto", marks=pytest.mark.requires("mosquitto")), "iotcore"])
def idle_broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[BrokerProcess]:
    make: dict[str, Callable[[Path], BrokerProcess]] = {
        "mosquitto": mosquitto_broker,
        "iotcore": iotcore_broker,
    }
    broker = make[request.param](tmp_path)
    yield broker
    broker.kill()


@pytest.fixture
def broker(idle_broker: BrokerProcess) -> BrokerProcess:
    idle_broker.start()
    return idle_broker


@pytest.fixture
def controller(broker: BrokerProcess) -> Iterator[Controller]:
    listener = Controller(broker)
    yield listener
    listener.close()


class Box:
    """The keeper's side: an outbox and a link."""

    def __init__(self, folder: Path, broker: BrokerProcess, inbox: Inbox | None = None, **more: Any) -> None:
        self.path = folder / "outbox.db"
        self.outbox = Outbox.open(self.path, BOX, "boot-a")
        self.births = 0
        self.broken_births = 0
        settings = LinkSettings(host=broker.host, port=broker.port, box=BOX, **{"tls": False, **more})
        self.link = Link(settings, self.path, "boot-a", CLOCK, self._birth, lambda: 0.0, inbox)

    def put(self, message: Outgoing) -> int:
        seq = self.outbox.put(message, CLOCK.now())
        self.link.notify()
        return seq

    def event(self, number: int) -> int:
        return self.put(event(number))

    def close(self) -> None:
        self.link.stop(10)
        self.outbox.close()

    def _birth(self) -> Mapping[str, Json]:
        self.births += 1
        if self.broken_births:
            self.broken_births -= 1
            raise ZeroDivisionError("planted")
        return {"channels": ["ch0"], "versions": {"agent": "0.1.0"}}


@pytest.fixture
def make_box(tmp_path: Path) -> Iterator[Callable[..., Box]]:
    boxes: list[Box] = []

    def make(broker: BrokerProcess, **more: Any) -> Box:
        boxes.append(Box(tmp_path, broker, **more))
        return boxes[-1]

    yield make
    for each in boxes:
        each.close()


@pytest.fixture
def listening(monkeypatch: pytest.MonkeyPatch) -> Event:
    """Cleared, it keeps the link away, so that a controller can subscribe before messages flow.

    A broker without memory gives messages to those who listen at that moment, and to nobody later.
    """
    gate = Event()
    gate.set()
    original = wire.Wire.connect

    def connect(self: wire.Wire) -> None:
        if not gate.is_set():
            raise Retry("mqtt.unreachable", "held by the test", "", after_s=0)
        original(self)

    monkeypatch.setattr(wire.Wire, "connect", connect)
    return gate


def event(number: int) -> Outgoing:
    return Outgoing(entity="ch0", kind="e", type="segment", body={"number": number}, priority=Priority.EVENT)


def state(width: int) -> Outgoing:
    return Outgoing(
        entity="ch0",
        kind="state",
        type="channel",
        body={"width": width},
        priority=Priority.STATE,
        retain=True,
        coalesce=True,
    )


def test_birth_then_online_then_the_rest_and_offline_at_the_end(
    broker: BrokerProcess, controller: Controller, make_box: Callable[..., Box]
) -> None:
    box = make_box(broker)
    box.event(1)
    box.link.start()
    wait_until(lambda: controller.events() == [1], "the event came")
    assert [topic.split("/", 3)[3] for topic, _, _, _ in controller.got] == [
        "_/birth/box",
        "_/status/box",
        "ch0/e/segment",
    ]
    assert box.link.connected
    assert box.link.stop(5)
    assert not box.link.is_alive()
    wait_until(lambda: controller.statuses() == [("online", None), ("offline", "stopped")], "goodbye")
    late = Controller(broker, "late")
    wait_until(lambda: len(late.got) == 2, "both retained messages")
    late.close()
    assert {topic: retained for topic, _, retained, _ in late.got} == {
        f"edgeward/v1/{BOX}/_/birth/box": True,
        f"edgeward/v1/{BOX}/_/status/box": True,
    }
    assert box.outbox.depth(CLOCK.now()).total_rows == 0


def test_a_stop_with_a_backlog_says_draining_before_the_goodbye(
    idle_broker: BrokerProcess, make_box: Callable[..., Box], listening: Event
) -> None:
    box = make_box(idle_broker)
    for number in range(200):
        box.event(number)
    listening.clear()
    idle_broker.start()
    controller = Controller(idle_broker)
    try:
        box.link.start()
        listening.set()
        wait_until(lambda: controller.events(), "the backlog runs")
        assert box.link.stop(10)
        wait_until(lambda: controller.statuses()[-1] == ("offline", "stopped"), "goodbye")
        assert controller.statuses() == [("online", None), ("draining", None), ("offline", "stopped")]
        check_schema("status", controller.messages("/status/box")[1])
    finally:
        controller.close()


def test_the_controllers_wish_for_births_reaches_the_inbox(
    broker: BrokerProcess, controller: Controller, make_box: Callable[..., Box]
) -> None:
    woken = Event()
    inbox = Inbox(woken.set)
    box = make_box(broker, inbox=inbox)
    box.link.start()
    wait_until(lambda: box.link.connected and controller.statuses(), "on line")
    controller.publish(mqtt_v1.REBIRTH_TOPIC, b'{"v":1,"window_s":0}')
    assert woken.wait(20)
    [wish], lost = inbox.take(10)
    assert (wish.topic, mqtt_v1.decode_rebirth(wish.payload), wish.retained, lost) == (
        mqtt_v1.REBIRTH_TOPIC,
        0,
        False,
        0,
    )
    births = box.births
    box.link.rebirth(0.0)
    wait_until(lambda: len(controller.messages("/birth/")) == births + 1, "the birth came again")


_CHILD = """
import sys, time
from pathlib import Path
from tests.integration.test_mqtt_link import CLOCK, BOX
from agent.link.client import Link, LinkSettings
settings = LinkSettings(host="127.0.0.1", port=int(sys.argv[1]), box=BOX, tls=False, will_delay_s=1)
Link(settings, Path(sys.argv[2]), "boot-child", CLOCK, dict, lambda: 0.0).start()
time.sleep(120)
"""


def test_a_killed_box_is_told_by_its_will(
    broker: BrokerProcess, controller: Controller, tmp_path: Path
) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", _CHILD, str(broker.port), str(tmp_path / "child.db")],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    try:
        wait_until(lambda: controller.statuses() == [("online", None)], "the child is on line")
    finally:
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
    wait_until(lambda: controller.statuses() == [("online", None), ("offline", "lost")], "the will")
    will = controller.messages("/status/box")[-1]
    assert (will["seq"], will["session"], will["boot"]) == (None, 1, "boot-child")


def test_a_broker_that_comes_later_gets_everything_in_order(
    idle_broker: BrokerProcess, make_box: Callable[..., Box], listening: Event
) -> None:
    box = make_box(idle_broker)
    box.link.start()
    wait_until(lambda: box.link.stats.last_error == "mqtt.unreachable", "the first try failed")
    for number in range(50):
        box.event(number)
        box.put(state(number))
    assert not box.link.connected
    listening.clear()
    idle_broker.start()
    controller = Controller(idle_broker)
    listening.set()
    try:
        wait_until(lambda: not box.outbox.depth(CLOCK.now()).total_rows, "the outbox is empty")
        wait_until(lambda: len(set(controller.events())) == 50, "all events came")
        assert controller.events() == list(range(50))
        assert [each["width"] for each in controller.messages("/state/")] == [49]
    finally:
        controller.close()


def test_a_broker_killed_in_between_loses_nothing(
    broker: BrokerProcess, controller: Controller, make_box: Callable[..., Box], listening: Event
) -> None:
    box = make_box(broker)
    box.put(state(1920))
    box.link.start()
    wait_until(lambda: not box.outbox.depth(CLOCK.now()).total_rows, "the state was acknowledged")
    for number in range(300):
        box.event(number)
        if number == 100:
            # What the broker acknowledged and had not passed on would die with it: its loss, not ours.
            wait_until(lambda: len(set(controller.events())) > 100, "the stream arrives")
            listening.clear()
            broker.kill()
            wait_until(lambda: not box.link.connected, "the loss was seen")
        if number == 200:
            broker.start()
            wait_until(lambda: controller.ready == 2, "the controller listens again")
            listening.set()
    wait_until(lambda: len(set(controller.events())) == 300, "all events came")
    first_seen = list(dict.fromkeys(controller.events()))
    assert first_seen == list(range(300))
    numbers: dict[int, int] = {}
    for each in controller.messages("/e/segment"):
        assert numbers.setdefault(each["seq"], each["number"]) == each["number"]
    assert len(numbers) == 300
    assert box.link.stats.reconnects >= 1
    # The broker forgot the retained state, so it was sent again under its old number.
    wait_until(lambda: len(controller.messages("/state/")) >= 2, "the state came again")
    assert len({each["seq"] for each in controller.messages("/state/")}) == 1


def test_a_cleared_alarm_goes_and_its_number_is_told(
    broker: BrokerProcess, controller: Controller, make_box: Callable[..., Box]
) -> None:
    box = make_box(broker)
    alarm = {"severity": "warning", "since": None, "text": "t", "remedy": "r"}
    raise_ = Outgoing(
        entity="ch0",
        kind="a",
        type="no-signal",
        body=dict(alarm),
        priority=Priority.ALARM,
        retain=True,
        coalesce=True,
    )
    clear = Outgoing(
        entity="ch0",
        kind="a",
        type="no-signal",
        body=None,
        priority=Priority.ALARM,
        retain=True,
        coalesce=True,
    )
    box.link.start()
    box.put(raise_)
    wait_until(lambda: controller.messages("/a/no-signal"), "the alarm")
    wait_until(lambda: not box.outbox.depth(CLOCK.now()).total_rows, "all acknowledged")
    seq = box.put(clear)
    wait_until(lambda: any(not data for _, data, _, _ in controller.got), "the clear")
    text = next(extra for _, data, _, extra in controller.got if not data)
    assert text is not None
    assert mqtt_v1.decode(text.encode())["seq"] == seq
    late = Controller(broker, "late")
    wait_until(lambda: late.messages("/birth/"), "retained messages came")
    late.close()
    assert not late.messages("/a/")


def test_a_dead_thread_is_seen_and_replaced(
    broker: BrokerProcess,
    controller: Controller,
    make_box: Callable[..., Box],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("threading.excepthook", lambda _: None)
    box = make_box(broker)
    box.broken_births = 1
    box.link.start()
    box.event(7)
    wait_until(lambda: not box.link.is_alive(), "the thread died of the planted exception")
    assert not box.link.connected
    assert box.link.restart_if_dead()
    assert not box.link.restart_if_dead()
    wait_until(lambda: controller.events() == [7], "the event came all the same")
    assert box.link.stats.restarts == 1


def test_an_exception_in_a_callback_ends_the_connection_not_the_thread(
    broker: BrokerProcess,
    controller: Controller,
    make_box: Callable[..., Box],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    original = wire.Wire._on_publish
    hits: list[int] = []

    def planted(self: wire.Wire, *arguments: Any) -> None:
        if not hits:
            hits.append(1)
            raise ZeroDivisionError("planted")
        original(self, *arguments)

    monkeypatch.setattr(wire.Wire, "_on_publish", planted)
    box = make_box(broker)
    box.link.start()
    box.event(7)
    wait_until(lambda: 7 in controller.events() and box.link.stats.reconnects == 1, "the second connection")
    assert hits
    assert box.link.is_alive()
    assert box.link.stats.last_error == "mqtt.callback"
    wait_until(lambda: not box.outbox.depth(CLOCK.now()).total_rows, "the outbox is empty")


def test_a_backlog_of_ten_thousand_lets_live_messages_pass(
    broker: BrokerProcess,
    controller: Controller,
    make_box: Callable[..., Box],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(session, "BACKLOG_ROWS_PER_S", 4000)
    box = make_box(broker)

    def figure(number: int) -> Outgoing:
        return Outgoing(
            entity="ch0", kind="m", type="channel", body={"number": number}, priority=Priority.MEASUREMENT
        )

    for number in range(10_000):
        box.outbox.put(figure(number), CLOCK.now())
    box.link.start()
    wait_until(lambda: controller.messages("/m/channel"), "the backlog runs")
    box.put(figure(-1))
    wait_until(lambda: -1 in [m["number"] for m in controller.messages("/m/channel")], "the live one came")
    assert box.outbox.depth(CLOCK.now()).rows[Priority.MEASUREMENT] > 1000
    wait_until(lambda: not box.outbox.depth(CLOCK.now()).total_rows, "the outbox is empty", 60)
    # The broker has all of it; the controller may still be reading.
    wait_until(lambda: len(controller.messages("/m/channel")) > 10_000, "the controller has the backlog")
    backlog = [m["number"] for m in controller.messages("/m/channel") if m["number"] >= 0]
    assert backlog == list(range(10_000))


@pytest.mark.requires("mosquitto")
def test_a_message_refused_twice_steps_aside(tmp_path: Path, make_box: Callable[..., Box]) -> None:
    acl = "topic read edgeward/#\n" + "".join(
        f"topic write edgeward/v1/{BOX}/{rest}\n" for rest in ("_/#", "ch0/e/segment")
    )
    with running(mosquitto_broker(tmp_path, acl=acl)) as broker:
        controller = Controller(broker)
        box = make_box(broker)
        refused = box.put(Outgoing(entity="ch0", kind="e", type="gap", body={}, priority=Priority.EVENT))
        for number in range(20):
            box.event(number)
        box.link.start()
        wait_until(lambda: controller.messages("/e/data_loss"), "the loss was told")
        wait_until(lambda: len(controller.events()) == 20, "the others went on")
        controller.close()
        told = controller.messages("/e/data_loss")[0]
        assert (told["cause"], told["ranges"]) == ("refused", [[refused, refused]])
        assert controller.events() == list(range(20))
        assert box.outbox.depth(CLOCK.now()).quarantined == 1
        assert box.link.stats.refused == 2
        assert box.link.stats.last_error == "mqtt.puback-87"


@pytest.mark.requires("mosquitto")
def test_bad_credentials_are_told_by_code_without_the_password(
    tmp_path: Path, make_box: Callable[..., Box], caplog: pytest.LogCaptureFixture
) -> None:
    with running(mosquitto_broker(tmp_path, passwords="nobody:$7$101$AAAA$AAAA\n")) as broker:
        box = make_box(broker, username=BOX, password=Secret("planted-password"))
        box.link.start()
        wait_until(lambda: box.link.stats.last_error == "mqtt.connack-87", "the refusal")
        started = time.monotonic()
        assert box.link.stop(5)
        assert time.monotonic() - started < 1
    assert "planted-password" not in caplog.text + repr(box.link.stats) + repr(vars(box.link))
