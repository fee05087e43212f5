"""A real agent whose configuration is changed from afar: it starts anew, proves the new one, or goes back.

Guarantees: real processes, real commands at the door, a real datagram socket in systemd's place; waiting is
on facts. The trial's end without success takes its two minutes here as it does in life.
"""

from __future__ import annotations

import os
import time
import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import tomli_w

from agent.control.client import ask, send_note
from agent.formats import mqtt_v1
from agent.formats.ledger_v1 import LeafType
from agent.model.commands import CommandType
from agent.model.outgoing import Json
from agent.runtime.effective_config import effective
from agent.runtime.load_config import fingerprint
from agent.runtime.sent_config import State
from tests.fakes.agents import (
    SYNTHETIC,
    Box,
    make_box,
    running,
    start,
    stop,
    wait_for_segments,
    wait_until,
)
from tests.fakes.brokers import mosquitto_broker
from tests.fakes.controllers import Controller
from tests.fakes.message_schemas import check_schema, schema_of
from tests.fakes.notify_socket import notify_socket
from tests.fakes.operators import Office, toml

PROPOSE, PLAN, LEVEL = CommandType.CONFIG_PROPOSE, CommandType.PLAN_SET, CommandType.LEVEL_RAISE


def _states(box: Box) -> list[str]:
    return [str(leaf.body["state"]) for leaf in box.leaves(LeafType.CONFIGURATION)]


def _alarms(box: Box) -> set[str]:
    return {str(one["code"]) for one in box.status()["alarms"]}


class Sent:
    """Two administrators who command over the broker; the nonce is that of the newest birth."""

    def __init__(self, box: Box, controller: Controller) -> None:
        self._box = box
        self._controller = controller
        self._counter = 0

    def send(self, kind: CommandType, args: Mapping[str, Json], **more: Json) -> Mapping[str, Any]:
        """Handed in at the door, where notes are taken as well."""
        birth = self._controller.messages("/birth/box")[-1]
        office = Office("test-box", time.time_ns() // 1000 * 1000, birth["cmd_nonce"], self._counter)
        given = {"base": birth["configuration_sha256"], **args, **more}
        note = office.write(kind, "wang", "zhao", nonce=office.nonce, args=given)
        self._counter = office.counter
        return send_note(self._box.root / "run", note)


def _mqtt(broker: Any) -> str:
    return f'[mqtt]\nhost = "{broker.host}"\nport = {broker.port}\ntls = false\n'


@pytest.mark.requires("mosquitto")
def test_over_a_broker_under_systemd(tmp_path: Path) -> None:
    """A plan, then a camera that delivers nothing: the first stays, the second does not."""
    (tmp_path / "broker").mkdir()
    (tmp_path / "box").mkdir()
    broker = mosquitto_broker(tmp_path / "broker")
    broker.start()
    controller = Controller(broker)
    box = make_box(tmp_path / "box", extra=toml() + _mqtt(broker))
    sent = Sent(box, controller)
    with notify_socket(tmp_path) as told:
        agent = start(box, NOTIFY_SOCKET=str(told.path), WATCHDOG_USEC="30000000")
        try:
            wait_until("birth", lambda: bool(controller.messages("/birth/box")), 30)
            wait_for_segments(box, 1)
            plan: dict[str, Json] = {
                "scene": "imaging-diagnosis",
                "place": ["or-7"],
                "responsible": "dr-lin",
                "policy": "2026-2",
            }
            assert sent.send(PLAN, {"channel": "ch0", "plan": plan})["reason"] == "config.recording"
            answer = sent.send(PLAN, {"channel": "ch0", "plan": plan}, interrupt=True)
            assert answer["status"] == "succeeded", answer
            wait_until("it has proved itself", lambda: _states(box)[-1] == "accepted", 60)
            assert _states(box) == ["installed", "trial", "accepted"]
            assert fingerprint(effective(box.config).config) == answer["result"]["sha256"]
            assert box.leaves(LeafType.RECORDING_OPENED)[-1].body["policy"] == "2026-2"
            assert told.lines().count("READY=1") == 2
            assert told.lines().count("RELOADING=1") == 1
            assert "STOPPING=1" not in told.lines()

            dead = tomllib.loads(effective(box.config).text)
            dead["channel"][0]["source"] = {"kind": "rtsp", "url": "rtsp://127.0.0.1:9/nothing"}
            wait_until(
                "the new birth",
                lambda: (
                    controller.messages("/birth/box")[-1]["configuration_sha256"]
                    == fingerprint(effective(box.config).config)
                ),
            )
            answer = sent.send(PROPOSE, {"configuration": tomli_w.dumps(dead)}, interrupt=True)
            assert answer["status"] == "succeeded", answer
            segments = len(box.leaves(LeafType.SEGMENT))
            wait_until("it went back", lambda: _states(box)[3:] == ["trial", "accepted"], 200)
            assert effective(box.config).state is State.ACCEPTED
            wait_for_segments(box, segments + 1)
            wait_until("the alarm", lambda: "config.rolled-back" in _alarms(box))
            body = box.leaves(LeafType.CONFIGURATION)[-1].body["rolled_back"]
            assert isinstance(body, dict)
            assert body["reason"] == "config.not-healthy"
            told.lines()  # the kernel keeps ten datagrams; pings have filled it in the meantime
            assert stop(agent) == 0
            assert told.lines()[-1] == "STOPPING=1"
        finally:
            if agent.poll() is None:
                agent.kill()
                agent.wait()
            controller.close()
            broker.kill()
    assert box.verify().result == "ok-with-gaps"
    for heard, payload, _, envelope in controller.got:
        if "/cmd/" not in heard:
            check_schema(
                schema_of(heard) if payload else "envelope",
                mqtt_v1.decode(payload or (envelope or "").encode()),
            )


_SYNTHETIC_ONLY = {line.split(" ")[0] for line in SYNTHETIC.splitlines()} - {
    "kind",
    "width",
    "height",
    "rate",
}


def test_killed_during_its_trial_the_box_comes_back_with_the_old_one(tmp_path: Path) -> None:
    box = make_box(tmp_path, extra=toml())
    box.config.write_text(box.config.read_text().replace("level = 4", "level = 3"))
    with restarted(box) as again:
        runtime = box.root / "run"
        wait_for_segments(box, 1)
        assert ask(runtime, LEVEL, {"channel": "ch0", "level": 2})["reason"] == "level.lowered"
        assert ask(runtime, LEVEL, {"channel": "ch0", "level": 4})["reason"] == "config.recording"
        answer = ask(runtime, LEVEL, {"channel": "ch0", "level": 4, "interrupt": True})
        assert answer["status"] == "succeeded", answer
        wait_until("its first start", lambda: _states(box) == ["installed", "trial"], 40)
        again()
        wait_until("its second start", lambda: _states(box) == ["installed", "trial", "trial"], 40)
        again()
        wait_until("back", lambda: _states(box)[3:] == ["installed"], 40)
        wait_until("the alarm", lambda: "config.rolled-back" in _alarms(box))
        assert effective(box.config).config.channel[0].level == 3
        wait_for_segments(box, len(box.leaves(LeafType.SEGMENT)) + 1)
    assert box.verify().result == "ok-with-gaps"


@contextmanager
def restarted(box: Box) -> Iterator[Callable[[], None]]:
    """An agent that is killed and started anew at each call."""
    agents = [start(box)]

    def again() -> None:
        agents[-1].kill()
        agents[-1].wait()
        agents.append(start(box))

    try:
        yield again
        assert stop(agents[-1]) == 0
    finally:
        if agents[-1].poll() is None:
            agents[-1].kill()
            agents[-1].wait()


def test_a_raised_level_is_on_what_is_recorded_then(tmp_path: Path) -> None:
    box = make_box(tmp_path, extra=toml())
    box.config.write_text(box.config.read_text().replace("level = 4", "level = 3"))
    with running(box) as agent:
        pid = agent.pid
        wait_for_segments(box, 1)
        asked: dict[str, Json] = {"channel": "ch0", "level": 4, "interrupt": True}
        assert ask(box.root / "run", LEVEL, asked)["status"] == "succeeded"
        wait_until("it has proved itself", lambda: _states(box)[-1] == "accepted", 60)
        assert agent.pid == pid and agent.poll() is None, "the same process went on"
    assert agent.returncode == 0
    levels = [leaf.body["level"] for leaf in box.leaves(LeafType.RECORDING_OPENED)]
    assert levels == [3, 4]
    assert {leaf.actor for leaf in box.leaves(LeafType.COMMAND_ACCEPTED)} == {f"uid:{os.geteuid()}"}
    assert box.verify().ok
