"""How fast a full outbox empties: the file alone, and over MQTT to a real mosquitto on this machine.

    python tests/bench/outbox_drain.py [--hours 12]

Guarantees: prints one JSON line; rates are rows per second of wall time and per second of this process's
processor time (all threads), because a machine that is busy with other things spoils the first; what this
disk takes for an fsync and the load average stand beside them. The spool is what eight channels tell in so
many simulated hours. The link's rate for a backlog begins at 200 a second and doubles each second (so that
a ward that comes back does not flood its broker): one measurement is without that limit, one is as built from
the connection until the spool is empty, one counts its fastest second. Needs mosquitto.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[0] = str(ROOT)  # not this folder: its names would stand before the standard library's

from agent.host.clock import SystemClock  # noqa: E402  (after the path)
from agent.link import session  # noqa: E402
from agent.link.client import Link, LinkSettings  # noqa: E402
from agent.link.outbox import Limits, Outbox  # noqa: E402
from tests.fakes.brokers import BrokerProcess, mosquitto_broker, running  # noqa: E402
from tests.fakes.clock import FakeClock  # noqa: E402
from tests.fakes.weeks import BOOT, BOX, drain, fill, fsync_s  # noqa: E402

CHANNELS = 8
GOAL_PER_S = 7000
# Far above what the window and the processor allow: the limit is off.
NO_LIMIT = 10_000_000


def main() -> int:
    """One JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=float, default=12.0, help="simulated hours in the dark")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="edgeward-bench-") as name:
        folder = Path(name)
        full = folder / "full.sqlite3"
        dark = fill(full, Limits(), seconds=round(options.hours * 3600), channels=CHANNELS)
        result: dict[str, object] = {
            "rows_put": dark.puts,
            "file_bytes": dark.file_bytes,
            "open_s": round(_open_s(full), 4),
            "fsync_s": round(fsync_s(folder), 5),
            "load_before": round(os.getloadavg()[0], 2),
            "outbox_alone": _rates(lambda: _alone(_copy(full))),
        }
        with running(mosquitto_broker(folder)) as broker:
            fastest: list[int] = []
            result["with_wire"] = _rates(lambda: _over(_copy(full), broker, fastest))
            result["with_wire_fastest_per_s"] = max(fastest)
            session.BACKLOG_ROWS_PER_S = session.BACKLOG_MOST_PER_S = NO_LIMIT
            result["with_wire_unlimited"] = _rates(lambda: _over(_copy(full), broker, []))
    result["goal_per_s"] = GOAL_PER_S
    sys.stdout.write(json.dumps(result) + "\n")
    return 0


def _copy(full: Path) -> Path:
    """The same spool again; closed files are whole without SQLite's two others."""
    path = full.with_name("spool.sqlite3")
    for old in full.parent.glob(path.name + "*"):
        old.unlink()
    shutil.copyfile(full, path)
    return path


def _open_s(path: Path) -> float:
    began = time.monotonic()
    outbox = Outbox.open(path, BOX, BOOT)
    outbox.depth(FakeClock().now())
    taken = time.monotonic() - began
    outbox.close()
    return taken


def _rates(run: Callable[[], int]) -> dict[str, float]:
    cpu, wall = time.process_time(), time.monotonic()
    rows = run()
    wall_s, cpu_s = time.monotonic() - wall, time.process_time() - cpu
    return {"rows": rows, "per_s": round(rows / wall_s), "per_cpu_s": round(rows / cpu_s)}


def _alone(path: Path) -> int:
    outbox = Outbox.open(path, BOX, BOOT)
    try:
        return sum(len(rows) for rows in drain(outbox))
    finally:
        outbox.close()


def _over(path: Path, broker: BrokerProcess, seconds: list[int]) -> int:
    """Until empty. How many the broker acknowledged, in all and in each whole second."""
    clock = SystemClock()
    settings = LinkSettings(host=broker.host, port=broker.port, box=BOX, tls=False)
    link = Link(settings, path, BOOT, clock, dict, lambda: 0.0)
    outbox = Outbox.open(path, BOX, BOOT)
    link.start()
    try:
        began, before = time.monotonic(), 0
        while outbox.depth(clock.now()).total_rows:
            time.sleep(0.05)
            if time.monotonic() - began >= 1:
                sent = link.stats.sent
                seconds.append(round((sent - before) / (time.monotonic() - began)))
                began, before = time.monotonic(), sent
        return link.stats.sent
    finally:
        outbox.close()
        link.stop(10)


if __name__ == "__main__":
    raise SystemExit(main())
