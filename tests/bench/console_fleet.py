"""What a fleet costs the console, and how long its people wait: simulated boxes over a real broker.

    python tests/bench/console_fleet.py [--boxes 1000] [--seconds 60] [--faults 60]

Guarantees: the console is the real process with its database on disk, the boxes are `edgeward simulate` with
four channels each, the broker is a real mosquitto, all on this machine. Measured after all boxes are known:
the console's processor time and memory, the time of GET /api/v1/fleet once a second, and the time from a
box's alarm to its arrival in an event stream. An alarm that was raised and is not in the console's
list is counted as lost. Prints one JSON line. Needs mosquitto.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[0] = str(ROOT)  # not this folder: its names would stand before the standard library's

from agent.model.times import from_rfc3339  # noqa: E402  (after the path)
from tests.bench.processes import cpu_seconds, memory  # noqa: E402
from tests.fakes.brokers import BrokerProcess, mosquitto_broker, running, wait_until  # noqa: E402
from tests.fakes.consoles import ConsoleProcess, Listening, Person, people  # noqa: E402

_CHILD = """
import argparse, sys
from agent.cli.verbs import simulate
parser = argparse.ArgumentParser()
simulate.configure(parser)
sys.exit(simulate.run(parser.parse_args(sys.argv[1:])))
"""
START_S = 180.0
SETTLE_S = 10.0


class Timed(Listening):
    """Remembers when each alarm arrived (ns since 1970) beside when its box raised it."""

    def __init__(self, *arguments: Any) -> None:
        self.latencies_s: list[float] = []
        super().__init__(*arguments)

    def took(self, event: str, data: Any) -> None:
        if event == "alarms":
            self.latencies_s += [
                (time.time_ns() - from_rfc3339(one["since"])) / 1e9
                for one in data["alarms"]
                if one["active"] and one["state"] == "raised" and one["source"] == "box"
            ]


def main() -> int:
    """One JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--boxes", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--faults", type=float, default=60.0, help="lost signals a minute")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="edgeward-console-") as name,
        running(_broker(Path(name))) as broker,
    ):
        console = ConsoleProcess(Path(name) / "console", broker, extra="[limits]\nboxes = 20000\n")
        console.start()
        try:
            console.wait_ready()
            told = _measure(console, broker, options.boxes, options.seconds, options.faults)
        finally:
            console.kill()
    sys.stdout.write(json.dumps(told) + "\n")
    return 0


def _broker(folder: Path) -> BrokerProcess:
    """With the queue of systemd/mosquitto/edgeward.conf: the default throws away what exceeds 1000."""
    broker = mosquitto_broker(folder)
    with (folder / "mosquitto.conf").open("a") as file:
        file.write("max_queued_messages 0\nmax_queued_bytes 536870912\n")
    return broker


def _measure(
    console: ConsoleProcess, broker: BrokerProcess, boxes: int, seconds: float, faults: float
) -> dict[str, Any]:
    _, person = people(console, ("ida", "viewer", None))
    simulating = subprocess.Popen(
        [
            sys.executable, "-c", _CHILD, "--boxes", str(boxes), "--port", str(broker.port),
            "--faults", str(faults),
        ],
        stdout=subprocess.PIPE,
    )  # fmt: skip
    try:
        begun = time.monotonic()
        wait_until(lambda: _known(person) == boxes, "all boxes are known", START_S)
        known_s = time.monotonic() - begun
        stream = Timed(person.url, dict(person.client.cookies), {})
        stream.latencies_s.clear()
        spent = [cpu_seconds(pid) for pid in (console.pid, simulating.pid, broker.pid)]
        pages, measured_s = _ask(person, seconds)
        spent = [
            cpu_seconds(pid) - before
            for pid, before in zip((console.pid, simulating.pid, broker.pid), spent, strict=True)
        ]
        load, pressure = os.getloadavg()[0], _pressure()
        state = person.get("/fleet")["console"]
        private = memory(console.pid).private
        latencies = list(stream.latencies_s)
    finally:
        simulating.terminate()
    output, _ = simulating.communicate(timeout=60)
    simulated = json.loads(output)
    return {
        "boxes": boxes,
        "messages_per_s": state["messages_per_s"],
        "refused": state["refused"],
        "all_known_s": round(known_s, 1),
        "console_cpu_percent_of_a_core": round(spent[0] / measured_s * 100, 1),
        "simulator_cpu_percent": round(spent[1] / measured_s * 100, 1),
        "broker_cpu_percent": round(spent[2] / measured_s * 100, 1),
        "console_private_mib": round(private / (1 << 20), 1),
        "fleet_answer_p95_s": _p95(pages),
        "fleet_answer_max_s": round(max(pages), 3),
        "alarm_to_stream_p95_s": _p95(latencies),
        "simulator_sent_per_s": round(simulated["sent"] / (time.monotonic() - begun), 1),
        "cpu_pressure_some_percent": pressure,
        "alarms_in_stream": len(latencies),
        "alarms_raised": len(simulated["alarms"]),
        "alarms_lost": _lost(person, simulated["alarms"]),
        "dropped_by_the_simulator": simulated["dropped"],
        "load_average": round(load, 1),
        "cores": os.cpu_count(),
    }


def _pressure() -> float:
    """Share of the last minute in which some process waited for a core (/proc/pressure/cpu, some)."""
    words = Path("/proc/pressure/cpu").read_text().split()
    return float(next(word for word in words if word.startswith("avg60=")).removeprefix("avg60="))


def _known(person: Person) -> int:
    time.sleep(1)  # each look is a whole fleet
    return sum(box["status"] == "online" for box in person.get("/fleet")["boxes"])


def _ask(person: Person, seconds: float) -> tuple[list[float], float]:
    """The times of answers, and how long all of it took."""
    begun, found = time.monotonic(), []
    while time.monotonic() < begun + seconds:
        before = time.monotonic()
        answer = person.try_get("/fleet")
        found.append(time.monotonic() - before)
        answer.raise_for_status()
        time.sleep(max(0.0, 1 - found[-1]))
    return found, time.monotonic() - begun


def _lost(person: Person, raised: Sequence[Sequence[Any]]) -> int:
    time.sleep(SETTLE_S)
    counted: Counter[tuple[str, str]] = Counter()
    page: dict[str, Any] = person.get("/alarms", state="all", limit="500")
    while True:
        for one in page["items"]:
            if one["source"] == "box":
                counted[one["box"], one["entity"]] += one["count"]
        if page["next"] is None:
            break
        page = person.get("/alarms", state="all", limit="500", before=page["next"])
    wanted = Counter((box, channel) for box, channel, _ in raised)
    return sum((wanted - counted).values())


def _p95(values: Sequence[float]) -> float | None:
    if not values:
        return None
    return round(sorted(values)[int(len(values) * 0.95)], 3)


if __name__ == "__main__":
    sys.exit(main())
