"""Many boxes on one broker: how their births come back after the broker's restart, and what a box costs.

    python tests/bench/fleet.py [--boxes 500] [--dark-s 10]

Guarantees: every box is the real link with its own thread, outbox file and connection, 100 to a process;
the broker is a real mosquitto that is killed and started again. Prints one JSON line: the births by second
beside what the design predicts (the same `backoff` functions, played with dice), and processor time and
memory per box. Without TLS and ledger: what is measured is the link. Needs mosquitto.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from threading import Event, Thread
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[0] = str(ROOT)  # not this folder: its names would stand before the standard library's

import paho.mqtt.client as paho  # noqa: E402  (after the path)
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion  # noqa: E402

from agent.host.clock import SystemClock  # noqa: E402
from agent.link.backoff import reconnect_delay_s  # noqa: E402
from agent.link.client import Link, LinkSettings  # noqa: E402
from agent.link.outbox import Outbox  # noqa: E402
from agent.runtime import telemetry  # noqa: E402
from tests.bench.processes import cpu_seconds, memory  # noqa: E402
from tests.fakes.brokers import BrokerProcess, mosquitto_broker, wait_until  # noqa: E402

BOXES_OF_A_PROCESS = 100
QUIET_S = 30.0
REPORT_EVERY_S = 30.0
START_S = 120.0


def main() -> int:
    """One JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--boxes", type=int, default=500)
    parser.add_argument("--dark-s", type=float, default=10.0, help="how long the broker is away")
    parser.add_argument("--worker", type=int, nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        return _worker(*options.worker)
    with tempfile.TemporaryDirectory(prefix="edgeward-fleet-") as name:
        broker = mosquitto_broker(Path(name))
        broker.start()
        workers = [
            subprocess.Popen(
                [sys.executable, __file__, "--worker", str(broker.port), str(first), str(count)],
                stdin=subprocess.PIPE,
                cwd=name,
            )
            for first in range(0, options.boxes, BOXES_OF_A_PROCESS)
            if (count := min(BOXES_OF_A_PROCESS, options.boxes - first))
        ]
        try:
            result = _measure(broker, workers, options.boxes, options.dark_s)
        finally:
            for worker in workers:
                if worker.stdin is not None:
                    worker.stdin.close()  # its sign to end
            for worker in workers:
                worker.wait(60)
            broker.kill()
    sys.stdout.write(json.dumps(result) + "\n")
    return 0


def _measure(
    broker: BrokerProcess, workers: list[subprocess.Popen[bytes]], boxes: int, dark_s: float
) -> dict[str, Any]:
    births = _Births(broker)
    wait_until(lambda: len(births.seen) == boxes, "all boxes are on line", START_S)
    pids = [worker.pid for worker in workers]
    broker_pid = broker.pid
    before = sum(map(cpu_seconds, pids)), cpu_seconds(broker_pid)
    time.sleep(QUIET_S)
    after = sum(map(cpu_seconds, pids)), cpu_seconds(broker_pid)
    cost = {
        "box_cpu_ms_per_minute": round((after[0] - before[0]) / boxes / QUIET_S * 60_000, 2),
        "box_private_kib": round(sum(memory(pid).private for pid in pids) / boxes / 1024),
        "broker_cpu_ms_per_box_and_minute": round((after[1] - before[1]) / boxes / QUIET_S * 60_000, 2),
        "broker_private_kib_per_box": round(memory(broker_pid).private / boxes / 1024),
    }
    broker.kill()
    lost = time.monotonic()
    births.seen.clear()
    time.sleep(dark_s)
    broker.start()
    up = time.monotonic()
    wait_until(lambda: len(births.seen) == boxes, "all boxes are back", START_S)
    moments = sorted(moment - up for moment in births.seen.values())
    expected = _expected(boxes, up - lost)
    return {
        "boxes": boxes,
        "dark_s": round(up - lost, 1),
        "births_by_second": _by_second(moments),
        "designed_by_second": _by_second(expected),
        "median_s": round(moments[boxes // 2], 2),
        "designed_median_s": round(expected[boxes // 2], 2),
        "last_s": round(moments[-1], 2),
        "designed_last_s": round(expected[-1], 2),
        "largest_difference_of_the_distributions": round(_distance(moments, expected), 3),
        **cost,
    }


class _Births:
    """When each box's first birth came since `seen` was emptied."""

    def __init__(self, broker: BrokerProcess) -> None:
        self.seen: dict[str, float] = {}
        client = paho.Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
        client.reconnect_delay_set(1, 1)
        client.on_connect = lambda c, *_: c.subscribe("edgeward/v1/+/_/birth/box", qos=1)
        client.on_message = self._on_message
        client.connect(broker.host, broker.port)
        client.loop_start()

    def _on_message(self, _c: object, _u: object, message: paho.MQTTMessage) -> None:
        if message.payload:
            self.seen.setdefault(message.topic.split("/")[2], time.monotonic())


def _expected(boxes: int, dark_s: float) -> list[float]:
    """Seconds from the broker's return to each try that succeeds, by the design alone."""
    dice = random.Random(1)
    found = []
    for _ in range(boxes):
        moment, failures = 0.0, 1
        while (moment := moment + reconnect_delay_s(failures, dice.random())) < dark_s:
            failures += 1
        found.append(moment - dark_s)
    return sorted(found)


def _by_second(moments: list[float]) -> list[int]:
    found = [0] * (int(moments[-1]) + 1)
    for moment in moments:
        found[max(0, int(moment))] += 1
    return found


def _distance(first: list[float], second: list[float]) -> float:
    """Kolmogorov and Smirnov's: the largest difference of the two cumulative distributions."""
    points = sorted({*first, *second})
    return max(
        abs(sum(x <= point for x in first) / len(first) - sum(x <= point for x in second) / len(second))
        for point in points
    )


def _worker(port: int, first: int, count: int) -> int:
    """So many boxes in this process, until stdin ends."""
    clock, dice = SystemClock(), random.SystemRandom()
    links: list[tuple[Link, Outbox]] = []
    for number in range(first, first + count):
        box, path = f"box-{number}", Path(f"box-{number}.sqlite3")
        outbox = Outbox.open(path, box, "1")
        settings = LinkSettings(host="127.0.0.1", port=port, box=box, tls=False)
        link = Link(settings, path, "1", clock, lambda: {"channels": []}, dice.random)
        link.start()
        links.append((link, outbox))
    ending = Event()
    _when_stdin_ends(ending)
    while not ending.wait(REPORT_EVERY_S):
        for link, outbox in links:
            outbox.put(
                telemetry.box_measurement(
                    cpu_s=1.0, rss_bytes=1, free_bytes=1, outbox_rows=0, outbox_failures=0, alarms=0
                ),
                clock.now(),
            )
            link.notify()
    return 0  # the links' threads are daemons: their boxes just vanish


def _when_stdin_ends(ending: Event) -> None:
    def wait() -> None:
        sys.stdin.buffer.read()
        ending.set()

    Thread(target=wait, daemon=True).start()


if __name__ == "__main__":
    raise SystemExit(main())
