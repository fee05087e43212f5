"""How long `edgeward check --profile visit` takes on a box that records, and that it leaves it recording.

    python -m tests.bench.check_visit [--channels 4] [--segments 3] [--keep DIR]

An agent with synthetic channels (640x360, 25/s) in a temporary directory, connected to a mosquitto on
loopback where one is installed; the command runs as a process of its own, start-up included, and signs a
report. Prints the seconds of the whole, of the slowest checks, and how many found what. `--keep` leaves
the report and its page in both languages there. What a real visit has and this has not: cameras that must
be asked (8.5 s at most, once), a disk that smartctl wakes, systemd.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from agent.ledger.signing import Verifier
from agent.runtime.check_reports import read_report
from tests.fakes.agents import Box, cli, make_box, running, wait_for_segments, wait_until
from tests.fakes.brokers import mosquitto

SLOWEST = 6
SEGMENT_S = 4.0


def main() -> int:
    """One agent, one check with a report for each language."""
    options = _options()
    with tempfile.TemporaryDirectory(prefix="edgeward-visit-") as name, _broker(Path(name)) as extra:
        folder = Path(name)
        box = make_box(folder, channels=options.channels, segment_s=SEGMENT_S, extra=extra)
        with running(box):
            wait_for_segments(box, options.segments * options.channels, timeout_s=120)
            if extra:
                wait_until("connected", lambda: bool((box.status().get("link") or {}).get("connected")))
            before = _restarts(box)
            for language in ("zh", "en"):
                took_s, found = _visit(box, folder / "reports", language)
            assert _restarts(box) == before, "the check disturbed a recording"
        assert box.verify().ok, box.verify()
        vkey = (folder / "state" / "signing.vkey").read_text().strip()
        notes = sorted((folder / "reports").glob("*.note"))
        report = read_report(notes[-1].read_bytes(), Verifier(vkey))
        if options.keep:
            shutil.copytree(folder / "reports", options.keep, dirs_exist_ok=True)
    _print(options.channels, took_s, found, len(report.pictures))
    return 0


@contextmanager
def _broker(folder: Path) -> Iterator[str]:
    """The table `[mqtt]` of a broker that runs meanwhile; nothing without mosquitto."""
    if shutil.which("mosquitto") is None:
        yield ""
        return
    (folder / "broker").mkdir()
    with mosquitto(folder / "broker") as (host, port):
        yield f'[mqtt]\nhost = "{host}"\nport = {port}\ntls = false\n'


def _restarts(box: Box) -> list[int]:
    return [row["restarts"] for row in box.status()["channels"]]


def _visit(box: Box, reports: Path, language: str) -> tuple[float, list[dict[str, Any]]]:
    began = time.monotonic()
    done = cli(
        "check", "-c", str(box.config), "--profile", "visit", "--json", "--lang", language,
        "--report", str(reports), "--technician", "bench", timeout_s=300,
    )  # fmt: skip
    took_s = time.monotonic() - began
    assert done.stdout, done.stderr
    return took_s, json.loads(done.stdout)["findings"]


def _print(channels: int, took_s: float, found: list[dict[str, Any]], pictures: int) -> None:
    counts = Counter(one["status"] for one in found)
    slow = sorted(found, key=lambda one: -one["ms"])[:SLOWEST]
    lines = (
        f"{channels} channels, {len(found)} findings, {pictures} masked pictures: {took_s:.1f} s (goal 30 s)",
        "statuses: " + ", ".join(f"{word} {count}" for word, count in sorted(counts.items())),
        "slowest: " + ", ".join(f"{one['check']} {one['ms']} ms" for one in slow),
    )
    sys.stdout.write("\n".join(lines) + "\n")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--channels", type=int, default=4)
    parser.add_argument("--segments", type=int, default=3, help="of each channel before the check; default 3")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="leave the reports here")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
