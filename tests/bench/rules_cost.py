"""Processor time of measuring and judging one stream, with all rules on, and what the pictures cost of it.

    python -m tests.bench.rules_cost [--seconds N]

A 1080p25 stream at 4 Mbit/s with a key frame every two seconds (tests/bench/clip.py) goes through
`StreamWatch` as the recorder drives it, as fast as it goes, three times: without pictures, with key frames,
and with bursts too. Prints JSON: processor seconds per minute of video for each, and the growth of
the process's memory.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from agent.capture.bitstream import picture_size
from agent.capture.watch import StreamWatch
from agent.device.drivers import open_source
from agent.model.media import Captured, StreamFacts
from agent.model.source_settings import FileSettings, Pace
from agent.model.spec import CollectionSpec, PictureLimits
from agent.model.times import NS_PER_S
from tests.bench.clip import make_clip
from tests.fakes.clock import FakeClock

SIZE = (1920, 1080)
SEGMENT_NS = 60 * NS_PER_S
WAYS = (
    ("rules without pictures", PictureLimits(check_every_s=None)),
    ("and a picture every 2 s", PictureLimits(check_every_s=2.0, burst_every_s=None)),
    ("and a burst every 10 s (default for key frames every 2 s)", PictureLimits()),
)


def packets(path: Path, seconds: int) -> Iterator[tuple[StreamFacts, Captured]]:
    settings = FileSettings(path=str(path), pace=Pace.FAST, loop=True)
    with closing(open_source(settings, FakeClock())) as source:
        first_ns = None
        for captured in source.packets():
            first_ns = first_ns or captured.arrived_ns
            if captured.arrived_ns - first_ns > seconds * NS_PER_S:
                return
            yield source.facts, captured


def watched(path: Path, seconds: int, limits: PictureLimits) -> float:
    """Processor seconds in the watch alone."""
    spec = replace(CollectionSpec(width=SIZE[0], height=SIZE[1], rate=Fraction(25)), picture=limits)
    watch = StreamWatch(spec)
    spent = 0.0
    begun_ns: int | None = None
    for facts, captured in packets(path, seconds):
        started = time.process_time()
        if begun_ns is None:
            watch.opened(facts)
        if begun_ns is None or (captured.is_key and captured.arrived_ns - begun_ns >= SEGMENT_NS):
            if begun_ns is not None:
                watch.segment()
            watch.segment_started()
            begun_ns = captured.arrived_ns
        said = picture_size(facts.codec, bytes(captured.packet)) if captured.is_key else None
        dts_ns = round(captured.dts * facts.time_base * NS_PER_S)
        watch.add(captured, dts_ns, said)
        spent += time.process_time() - started
    return spent


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=int, default=120)
    seconds = parser.parse_args(arguments).seconds
    report: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        clip = make_clip(Path(folder), size=SIZE, bitrate_bps=4_000_000, seconds=10)
        for name, limits in WAYS:
            watched(clip.mp4, 4, limits)  # imports and first allocations
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            report[f"{name}: cpu s per minute"] = round(watched(clip.mp4, seconds, limits) * 60 / seconds, 3)
            grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
            report[f"{name}: memory grown MiB"] = round(grown / 1024, 1)
    sys.stdout.write(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
