"""How much of a recording is in an opened file: for the table of power cuts.

Guarantees: counts what is in the file, by its pictures' times; the start is that of the recording's first
segment in the ledger. Prints three numbers: start in seconds of the wall clock, seconds, pictures.
"""

from __future__ import annotations

import sys
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import av

from agent.formats.ledger_v1 import LeafType
from agent.ledger.check import read_leaves


def started_s(vault: Path, recording: str) -> float:
    """When its first segment began, 0 when none of them was closed."""
    for leaf in read_leaves(vault / "ledger"):
        start = leaf.body.get("start") if leaf.type is LeafType.SEGMENT else None
        if isinstance(start, str) and leaf.body["recording"] == recording:
            return datetime.fromisoformat(start).timestamp()
    return 0.0


def main() -> int:
    vault, recording, file = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
    times: list[float] = []
    if file.exists():
        with av.open(str(file)) as container:
            times = [float(p.pts * p.time_base) for p in container.demux(video=0) if p.pts is not None]
    steps = sorted(after - before for before, after in pairwise(times))
    seconds = times[-1] - times[0] + steps[len(steps) // 2] if steps else 0.0
    sys.stdout.write(f"{started_s(vault, recording):.3f} {seconds:.3f} {len(times)}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
