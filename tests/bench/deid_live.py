"""A live derivative beside its original, on one core: does the original notice, and what is left out.

    python -m tests.bench.deid_live --models DIR --clip FILE [--minutes N] [--cores N]
        [--detector live|careful]

FILE is coded as a camera would send it (1080p25 H.264, 4 Mbit/s, a key frame every second, no sound) and
recorded by a real agent again and again, at its own pace, with its derivative. Keeper, channel process and
derivative's process are bound to `--cores` cores. DIR is what `edgeward models install` filled. Printed is
what the ledger says of both recordings, and the kernel's processor time and memory of each process.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.video.frame import PictureType
from av.video.stream import VideoStream

from agent.deid.models import FOLDER
from agent.formats.ledger_v1 import LeafType
from tests.bench.processes import Memory, children, cpu_seconds, memory
from tests.bench.report import Table, as_text
from tests.fakes.agents import PLAN, Box, cli, make_box, running, wait_until
from tests.fakes.derived_films import POLICY

ORIGINAL, DERIVATIVE = "ch0", "ch0-deid"
WHOLE = ("start", "detector", "picture", "end", "text", "device")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Of one process: processor seconds for each minute on the clock, memory at the end."""

    name: str
    cpu_s: float
    memory: Memory


def as_camera_sends(clip: Path, folder: Path) -> Path:
    """The clip's pictures as 1080p25 without sound; in the bench's own directory, which is removed."""
    made = folder / "camera.mp4"
    options = {"preset": "veryfast", "tune": "zerolatency", "x264-params": "keyint=25:scenecut=0"}
    with av.open(str(clip), "r") as source, av.open(str(made), "w") as target:
        video = target.add_stream("libx264", rate=25, options=options)
        assert isinstance(video, VideoStream)
        video.width, video.height, video.pix_fmt = 1920, 1080, "yuv420p"
        video.bit_rate = 4_000_000
        for number, frame in enumerate(source.decode(video=0)):
            plain = frame.reformat(1920, 1080, "yuv420p")
            plain.pts, plain.time_base = number, Fraction(1, 25)
            plain.pict_type = PictureType.NONE
            target.mux(video.encode(plain))
        target.mux(video.encode(None))
    return made


def box_for(root: Path, clip: Path, models: Path, detector: str) -> Box:
    """A box that records the clip and derives from it."""
    source = f'kind = "file"\npath = "{clip}"\nloop = true\n'
    box = make_box(root, source=source, spec='width = 1920\nheight = 1080\nrate = "25"\n', segment_s=10.0)
    made = cli("keygen", "-o", str(root / "teacher.txt"))
    (root / "policy.toml").write_text(POLICY.replace('detector = "live"', f'detector = "{detector}"'))
    track = (
        f'{{ policy = "{root}/policy.toml", level = 3, purpose = "measuring", lawful_basis = "none", '
        f'recipients = ["{made.stdout.strip()}"] }}'
    )
    text = box.config.read_text()
    box.config.write_text(text.replace(PLAN, f"{PLAN[:-2]}, tracks = {{ deidentified = {track} }} }}"))
    shutil.copytree(models, root / "state" / FOLDER)
    (root / "state").chmod(0o700)
    return box


def measured(box: Box, minutes: float) -> tuple[Cost, ...]:
    """Runs the agent for so long; what its processes took."""
    with running(box) as agent:
        wait_until("both recordings", lambda: len(box.leaves(LeafType.RECORDING_OPENED)) == 2, 60)
        [zygote] = children(agent.pid)
        original, derivative = children(zygote)
        pids = {"keeper": agent.pid, "original": original, "derivative": derivative}
        before = {name: cpu_seconds(pid) for name, pid in pids.items()}
        time.sleep(minutes * 60)  # what is measured is how much is done in this time
        return tuple(
            Cost(name=name, cpu_s=(cpu_seconds(pid) - before[name]) / minutes, memory=memory(pid))
            for name, pid in pids.items()
        )


def segments(box: Box, channel: str) -> list[Mapping[str, Any]]:
    return [leaf.body for leaf in box.leaves(LeafType.SEGMENT) if leaf.body["channel"] == channel]


def gaps(box: Box, channel: str) -> Counter[str]:
    """Seconds by cause."""
    found: Counter[str] = Counter()
    for leaf in box.leaves(LeafType.GAP):
        if leaf.body["channel"] == channel:
            milliseconds = leaf.body["duration_ms"]
            assert isinstance(milliseconds, int)
            found[str(leaf.body["cause"])] += milliseconds
    return found


def tables(box: Box, costs: Sequence[Cost], minutes: float) -> list[Table]:
    original, derivative = segments(box, ORIGINAL), segments(box, DERIVATIVE)
    counts = [segment["deid"] for segment in derivative]
    seen, dropped = (sum(one[name] for one in counts) for name in ("seen", "dropped"))
    rows = [
        ("original: segments", str(len(original))),
        ("original: verdicts", _words(Counter(str(one["verdict"]) for one in original))),
        (
            "original: frames, lost",
            f"{sum(s['frames'] for s in original)}, {sum(s['lost'] for s in original)}",
        ),
        ("original: gaps, ms", _words(gaps(box, ORIGINAL))),
        ("derivative: verdicts", _words(Counter(str(one["verdict"]) for one in derivative))),
        ("derivative: frames in it", str(seen)),
        ("derivative: dropped", f"{dropped} ({100 * dropped / max(1, seen + dropped):.1f} %)"),
        ("derivative: with a mask", str(sum(one["masked"] for one in counts))),
        *((f"derivative: whole, {why}", str(sum(one[f"whole_{why}"] for one in counts))) for why in WHOLE),
        (
            "derivative: detector asked, failed",
            f"{sum(o['asked'] for o in counts)}, {sum(o['failed'] for o in counts)}",
        ),
        ("derivative: gaps, ms", _words(gaps(box, DERIVATIVE))),
    ]
    rows += [
        (f"{one.name}: CPU s per minute, PSS MiB", f"{one.cpu_s:.1f}, {one.memory.pss / 2**20:.0f}")
        for one in costs
    ]
    title = "A live derivative beside its original"
    return [Table(title=title, how=f"{minutes:g} minutes", head=("what", "measured"), rows=rows)]


def _words(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items())) or "none"


def main(argv: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(description="live derivative on a few cores")
    parser.add_argument("--models", type=Path, required=True)
    parser.add_argument("--clip", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--detector", choices=("live", "careful"), default="live")
    parser.add_argument("--cores", type=int, default=1)
    chosen = parser.parse_args(argv)
    os.sched_setaffinity(0, set(sorted(os.sched_getaffinity(0))[: chosen.cores]))
    with tempfile.TemporaryDirectory() as folder:
        box = box_for(
            Path(folder), as_camera_sends(chosen.clip, Path(folder)), chosen.models, chosen.detector
        )
        costs = measured(box, chosen.minutes)
        sys.stdout.write(f"{as_text(tables(box, costs, chosen.minutes))}\nverify: {box.verify().result}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
