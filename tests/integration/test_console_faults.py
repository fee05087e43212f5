"""What goes wrong around the console: the broker, the process, the database, and boxes that mean harm."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.brokers import BrokerProcess, mosquitto_broker, running, wait_until
from tests.fakes.consoles import ConsoleProcess, Person, people
from tests.fakes.voices import BIRTH, M_CHANNEL, ONLINE, STATE, Mouth, Voice, alarm

pytestmark = pytest.mark.requires("mosquitto")
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(1)>\u202e"
PREFIX = "edgeward/v1/evil-1"


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[BrokerProcess]:
    with running(mosquitto_broker(tmp_path)) as found:
        yield found


@pytest.fixture
def console(tmp_path: Path, broker: BrokerProcess) -> Iterator[ConsoleProcess]:
    found = ConsoleProcess(tmp_path / "console", broker)
    found.start()
    try:
        found.wait_ready()
        yield found
    finally:
        found.kill()


@pytest.fixture
def mouth(broker: BrokerProcess) -> Iterator[Mouth]:
    found = Mouth(broker)
    yield found
    found.close()


@pytest.fixture
def li(console: ConsoleProcess) -> Person:
    return people(console, ("li", "operator", "li"))[1]


def row(person: Person, box: str) -> dict[str, object]:
    return next((one for one in person.get("/fleet")["boxes"] if one["box"] == box), {})


def alarms(person: Person, code: str) -> list[dict[str, object]]:
    return [one for one in person.get("/alarms", state="all")["items"] if one["code"] == code]


def standing(mouth: Mouth, voice: Voice) -> None:
    """A box with a channel and an alarm."""
    mouth.introduce(voice)
    mouth.say(voice.says("ch0/state/channel", STATE), retain=True)
    mouth.say(voice.says("ch0/a/source-lost", alarm()), retain=True)


def test_a_killed_console_knows_everything_again(console: ConsoleProcess, mouth: Mouth, li: Person) -> None:
    voice = Voice()
    standing(mouth, voice)
    wait_until(lambda: alarms(li, "source.lost"), "the alarm is there")
    [found] = alarms(li, "source.lost")
    done = li.post("/alarms/acknowledge", {"ids": [found["id"]], "reason": "on my way"})
    assert done.status_code == 200
    before = row(li, "or-3")
    console.kill()
    mouth.clear(voice.clears("ch0/a/source-lost"))  # nobody hears it
    console.start()
    console.wait_ready()
    again = Person(console)
    assert again.log_in("li", "five tall trees by the river").status_code == 200
    after = row(again, "or-3")
    for name in ("site", "status", "channels", "boot", "session"):
        assert after[name] == before[name], name
    wait_until(lambda: not alarms(again, "source.lost")[0]["active"], "it is over, though nobody heard so")
    [kept] = alarms(again, "source.lost")
    assert (kept["id"], kept["state"], kept["by"], kept["reason"]) == (
        found["id"], "acknowledged", "li", "on my way",
    )  # fmt: skip


def test_a_broker_that_comes_back_empty_takes_nothing_away(
    console: ConsoleProcess, broker: BrokerProcess, mouth: Mouth, li: Person
) -> None:
    standing(mouth, Voice())
    wait_until(lambda: alarms(li, "source.lost"), "the alarm is there")
    stream = li.listen()
    broker.kill()
    wait_until(lambda: any(one["broker"] == "lost" for one in stream.of("console")), "the loss is told")
    assert console.ready()["broker"] == "lost"
    broker.start()
    console.wait_ready()
    assert row(li, "or-3")["status"] == "online"
    assert alarms(li, "source.lost")[0]["active"]


def test_a_database_that_can_not_be_written_does_nothing_and_says_so(
    console: ConsoleProcess, mouth: Mouth, li: Person
) -> None:
    standing(mouth, Voice())
    wait_until(lambda: alarms(li, "source.lost"), "the alarm is there")
    [found] = alarms(li, "source.lost")
    stream = li.listen()
    held = sqlite3.connect(console.database, isolation_level=None)
    held.execute("BEGIN IMMEDIATE")
    try:
        refused = li.post("/alarms/acknowledge", {"ids": [found["id"]], "reason": "on my way"})
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "console.database")
        assert li.get("/fleet")["alarms"][0]["state"] == "raised"
        stream_says = lambda: [one for one in stream.alarms("console.database") if one["active"]]  # noqa: E731
        wait_until(stream_says, "an alarm tells of it", 30)
        other = Voice(box="or-4")
        mouth.introduce(other)
        wait_until(lambda: row(li, "or-4"), "the fleet goes on")
    finally:
        held.execute("ROLLBACK")
        held.close()
    wait_until(lambda: console.ready()["ready"], "it writes again", 30)
    again = li.post("/alarms/acknowledge", {"ids": [found["id"]], "reason": "on my way"})
    assert again.status_code == 200
    wait_until(lambda: not alarms(li, "console.database")[0]["active"], "the alarm is over", 30)


EVIL: dict[str, tuple[str, bytes]] = {
    "no JSON": ("_/status/box", b"\xff\xfe<script>"),
    "deep": ("_/twin/keys", b'{"v":' * 20_000),
    "huge": ("ch0/m/channel", b"[" + b"1," * 100_000 + b"1]"),
    "a name of an attribute": ("ch0/m/channel", b'{"__class__": 1, "v": 1}'),
    "wrong types": ("_/birth/box", json.dumps({"v": [], "box": {}, "seq": True}).encode()),
    "another box": ("_/status/box", Voice(box="or-3").says("_/status/box", ONLINE)[1]),
    "half a pair of surrogates": ("_/status/box", b'{"v": 1, "box": "\\ud800"}'),
    "an answer to nobody": ("_/res/identify/x", b"{}"),
    "a number of 400 digits": ("_/m/box", b'{"v": 1, "seq": ' + b"9" * 400 + b"}"),
}


def test_hostile_messages_are_refused_and_an_alarm_names_the_box(
    console: ConsoleProcess, mouth: Mouth, li: Person
) -> None:
    good = Voice()
    standing(mouth, good)
    for place, payload in EVIL.values():
        mouth.say((f"{PREFIX}/{place}", payload))
    wait_until(lambda: row(li, "evil-1").get("refused") == len(EVIL), "all were refused")
    [found] = alarms(li, "console.hostile-messages")
    assert (found["box"], found["severity"], found["active"]) == ("evil-1", "critical", True)
    refusals = li.get("/boxes/evil-1")["refusals"]
    assert {one["code"] for one in refusals} >= {"message.not-json", "message.forged", "message.too-large"}
    assert row(li, "or-3")["status"] == "online"
    assert row(li, "or-3")["refused"] == 0
    assert console.ready()["ready"]


def test_a_script_in_a_name_stays_text(console: ConsoleProcess, mouth: Mouth, li: Person) -> None:
    voice = Voice(box="evil-1")
    channels = [{"id": "ch0", "name": HOSTILE}]
    mouth.say(voice.says("_/birth/box", {**BIRTH, "site": HOSTILE, "channels": channels}), retain=True)
    mouth.say(voice.says("ch0/a/source-lost", alarm(text=HOSTILE, remedy=HOSTILE)), retain=True)
    wait_until(lambda: alarms(li, "source.lost"), "the alarm is there")
    answer = li.try_get("/fleet")
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["boxes"][0]["site"] == HOSTILE
    assert answer.json()["alarms"][0]["text"] == HOSTILE


def test_a_flood_delays_nobody_else(console: ConsoleProcess, mouth: Mouth, broker: BrokerProcess) -> None:
    _, li, ida = people(console, ("li", "operator", "li"), ("ida", "viewer", None))
    good, evil = Voice(), Voice(box="evil-1")
    mouth.introduce(good)
    mouth.introduce(evil)
    wait_until(lambda: row(li, "or-3"), "the box is known")
    stream = ida.listen()
    flood = Mouth(broker, "flood")
    try:
        waiting = [flood.begin((f"{PREFIX}/_/status/box", b"<" * 1000)) for _ in range(3000)]
        waiting += [flood.begin(evil.says("ch0/m/channel", M_CHANNEL)) for _ in range(3000)]
        mouth.say(good.says("ch0/a/source-lost", alarm()), retain=True)
        wait_until(lambda: stream.alarms("source.lost"), "the other box's alarm is told", 30)
        for one in waiting:
            one.wait_for_publish(60)
    finally:
        flood.close()
    [found] = [one for one in stream.alarms("console.hostile-messages") if one["state"] == "raised"][:1]
    assert found["box"] == "evil-1"
    assert len(alarms(li, "console.hostile-messages")) == 1
    assert row(li, "or-3")["missing"] == 0
    assert console.ready()["ready"]


def test_more_boxes_than_the_limit(tmp_path: Path, broker: BrokerProcess, mouth: Mouth) -> None:
    console = ConsoleProcess(tmp_path / "small", broker, extra="[limits]\nboxes = 3\n")
    console.start()
    try:
        console.wait_ready()
        _, li = people(console, ("li", "operator", "li"))
        for number in range(6):
            mouth.introduce(Voice(box=f"or-{number}"))
        wait_until(lambda: alarms(li, "console.too-many-boxes"), "an alarm tells of it")
        assert len(li.get("/fleet")["boxes"]) == 3
    finally:
        console.kill()


def test_a_second_console_at_the_same_address_says_what_to_do(
    tmp_path: Path, broker: BrokerProcess, console: ConsoleProcess
) -> None:
    other = ConsoleProcess(tmp_path / "other", broker)
    text = (tmp_path / "other" / "console.toml").read_text()
    (tmp_path / "other" / "console.toml").write_text(
        text.replace(f"port = {other.port}\n", f"port = {console.port}\n", 1)
    )
    with pytest.raises(AssertionError, match=r"console\.address"):
        other.start()


def test_a_signal_ends_it_and_writes_what_waits(console: ConsoleProcess, mouth: Mouth, li: Person) -> None:
    mouth.introduce(Voice())
    wait_until(lambda: row(li, "or-3"), "the box is known")
    stream = li.listen()
    assert console.stop() == 0
    assert stream.of("bye") == [{"code": "console.stopping"}]
    with sqlite3.connect(console.database) as db:
        [[last]] = db.execute("SELECT action FROM audit ORDER BY id DESC LIMIT 1")
        assert last == "console.stop"
        assert db.execute("SELECT box FROM boxes").fetchall() == [("or-3",)]
