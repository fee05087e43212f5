"""How long after a camera's fault its alarm is at the controller: real RTSP, a real agent, a real broker.

    python -m tests.bench.rtsp_alarm_latency [--rounds 10]

Guarantees: each round is `tests/integration/rtsp_faults.py` with all its cases at once, the fault at another
phase of the key frames each time. Prints one JSON line: for each case and for all together the number of
faults, how many were told, and the 99th percentile and the longest of the delay in seconds, counted from the
moment at which the spec no longer allows it.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.integration.rtsp_faults import CASES, play

FIRST_S = 25.0


def main() -> None:
    """Prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    rounds = parser.parse_args().rounds
    told: dict[str, list[float | None]] = {case.name: [] for case in CASES}
    for number in range(rounds):
        with tempfile.TemporaryDirectory(prefix="edgeward-rtsp-") as folder:
            for name, outcome in play(Path(folder), CASES, FIRST_S + number / rounds).items():
                told[name].append(outcome.told_s)
        sys.stderr.write(f"round {number + 1} of {rounds}\n")
    together = [one for each in told.values() for one in each]
    found: Mapping[str, Any] = {name: _figures(each) for name, each in told.items()}
    sys.stdout.write(json.dumps({**found, "all": _figures(together)}) + "\n")


def _figures(delays: Sequence[float | None]) -> dict[str, float | int | None]:
    known = sorted(one for one in delays if one is not None)
    at_p99 = max(0, -(-99 * len(known) // 100) - 1)
    return {
        "faults": len(delays),
        "told": len(known),
        "p99_s": round(known[at_p99], 2) if known else None,
        "longest_s": round(known[-1], 2) if known else None,
    }


if __name__ == "__main__":
    main()
