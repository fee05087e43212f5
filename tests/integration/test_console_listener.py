"""The console's connection: what the broker keeps comes at the beginning, and again when it is asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.console.intake import Intake
from agent.console.listener import Hooks, Listener
from agent.host.clock import SystemClock
from agent.link.wire import LinkSettings
from tests.fakes.brokers import mosquitto_broker, running, wait_until
from tests.fakes.voices import ONLINE, Mouth, Voice

pytestmark = pytest.mark.requires("mosquitto")


def test_what_the_broker_keeps_comes_again_when_it_is_asked_for(tmp_path: Path) -> None:
    synced: list[int | None] = []
    intake = Intake(lambda: None)

    def mark() -> None:
        intake.mark()
        synced.append(len(synced))

    hooks = Hooks(
        up=lambda: None, down=lambda _: None, synced=mark, acknowledged=lambda *_: None,
        witness=lambda *_: None,
    )  # fmt: skip
    with running(mosquitto_broker(tmp_path)) as broker:
        mouth = Mouth(broker)
        mouth.say(Voice().says("_/status/box", ONLINE), retain=True)
        settings = LinkSettings(host=broker.host, port=broker.port, box="console-test", tls=False)
        listener = Listener(settings, intake, hooks, SystemClock(), lambda: 0.0)
        listener.start()
        try:
            wait_until(lambda: len(synced) == 1, "all retained messages came")
            [first] = intake.take(10)
            assert (first.retained, intake.passed()) == (True, 1)
            listener.ask_again()
            wait_until(lambda: len(synced) == 2, "they came again")
            [second] = intake.take(10)
            assert (second.retained, second.payload, intake.passed()) == (True, first.payload, 2)
        finally:
            listener.stop()
            mouth.close()
