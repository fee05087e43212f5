"""A week without a broker at full size: what the outbox keeps, what it tells as lost, what it costs.

    python tests/bench/outbox_week.py [--days 7]

Guarantees: eight channels at the real agent's rhythm on a simulated clock, the real file with the real
bounds; every number is accounted for, else exit 1. Prints one JSON line. The short form of the same is
`tests/faults/test_outbox_week.py`. Takes minutes: each event costs an fsync, as it does on a box.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[0] = str(ROOT)  # not this folder: its names would stand before the standard library's

from agent.link.outbox import Limits, Outbox  # noqa: E402  (after the path)
from agent.model.outgoing import Priority  # noqa: E402
from tests.fakes.clock import FakeClock  # noqa: E402
from tests.fakes.weeks import BOOT, BOX, DAY_S, Account, drain, fill  # noqa: E402

CHANNELS = 8


def main() -> int:
    """One JSON line; exit 1 when a number is unexplained, told twice, or out of its order."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=float, default=7.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="edgeward-week-") as name:
        path = Path(name) / "outbox.sqlite3"
        dark = fill(path, Limits(), seconds=round(options.days * DAY_S), channels=CHANNELS)
        began = time.monotonic()
        outbox = Outbox.open(path, BOX, BOOT)
        depth = outbox.depth(FakeClock().now())
        open_s = time.monotonic() - began
        account = Account(dark.last_seq)
        began = time.monotonic()
        for rows in drain(outbox):
            for row in rows:
                seq = account.take(row.topic, row.payload)
                if row.topic.endswith("/e/segment"):
                    account.in_turn(Priority.EVENT, seq)
        drain_s = time.monotonic() - began
        outbox.close()
    kept = {
        each.name.lower(): sum(
            bool(account.arrived[seq]) and dark.classes[seq] == 1 + each
            for seq in range(1, dark.last_seq + 1)
        )
        for each in Priority
    }
    wrong = {
        "unexplained": len(account.unexplained()),
        "told_as_lost_and_came": len(account.both()),
        "out_of_order": account.out_of_order,
    }
    result = {
        "days": options.days,
        "puts": dark.puts,
        "fill_s": round(dark.seconds, 1),
        "rss_after_a_tenth_bytes": dark.rss_early,
        "rss_at_the_end_bytes": dark.rss_late,
        "waiting_bytes": depth.bytes,
        "file_bytes": dark.file_bytes,
        "bound_bytes": Limits().total_bytes,
        "open_s": round(open_s, 4),
        "kept": kept,
        "loss_events": account.loss_events,
        "messages_declared_lost": account.declared,
        "drained": sum(account.arrived),
        "drain_s": round(drain_s, 1),
        **wrong,
    }
    sys.stdout.write(json.dumps(result) + "\n")
    return 1 if any(wrong.values()) else 0


if __name__ == "__main__":
    raise SystemExit(main())
