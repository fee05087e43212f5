"""How long after an operation was denied its alarm is at the controller: a real agent, over a real broker.

    python -m tests.bench.audit_latency [--rounds 100]

Guarantees: each round asks for something forbidden at a moment of chance, waits for the alarm as a controller
hears it, acknowledges it and waits until it is cleared. Prints one JSON line: seconds from the request to the
message, median, 99th percentile and longest. The agent records one channel meanwhile. Needs mosquitto.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path

from agent.control.client import ask
from agent.model.commands import CommandType
from tests.fakes.agents import Box, make_box, running, wait_for_segments, wait_until
from tests.fakes.brokers import mosquitto_broker
from tests.fakes.controllers import Controller

CODE = "audit.denied"
TOPIC = "/_/a/audit-denied"


def main() -> None:
    """Prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=100)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory(prefix="edgeward-audit-") as name:
        (Path(name) / "broker").mkdir()
        (Path(name) / "box").mkdir()
        broker = mosquitto_broker(Path(name) / "broker")
        broker.start()
        controller = Controller(broker)
        link = f'[mqtt]\nhost = "{broker.host}"\nport = {broker.port}\ntls = false\n'
        try:
            with running(box := make_box(Path(name) / "box", extra=link)):
                wait_until("the box is on line", lambda: ("online", None) in controller.statuses(), 60)
                wait_for_segments(box, 1)
                found = sorted(_round(box, controller, random.Random(number)) for number in range(rounds))
        finally:
            controller.close()
            broker.kill()
    figures = {
        "rounds": rounds,
        "median_s": round(statistics.median(found), 3),
        "p99_s": round(found[max(0, -(-99 * rounds // 100) - 1)], 3),
        "longest_s": round(found[-1], 3),
    }
    sys.stdout.write(json.dumps(figures) + "\n")


def _round(box: Box, controller: Controller, dice: random.Random) -> float:
    time.sleep(dice.random())  # the keeper looks once a second: every phase of it is asked at
    before, began = len(_heard(controller)), time.monotonic()
    ask(box.root / "run", CommandType.PLAN_SET, {})
    while len(_heard(controller)) == before:
        time.sleep(0.002)
    took_s = time.monotonic() - began
    ask(box.root / "run", CommandType.ALARM_ACKNOWLEDGE, {"entity": "_", "code": CODE})
    wait_until("it is cleared", lambda: len(_heard(controller)) == before + 2)
    return took_s


def _heard(controller: Controller) -> list[bytes]:
    return [payload for topic, payload, _, _ in list(controller.got) if topic.endswith(TOPIC)]


if __name__ == "__main__":
    main()
