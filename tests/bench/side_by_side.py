"""Runs the stages of `stages.py` side by side, and the last of them under Python's profiler.

Guarantees: each stage is a process of its own; all are ended here. The profiler itself costs as much
again, so its table tells shares between functions, not seconds.
"""

from __future__ import annotations

import io
import os
import pstats
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from tests.bench.contenders import WARM_UP_S, ffmpeg_command
from tests.bench.processes import cpu_seconds
from tests.bench.stages import STAGES

_ROOT = Path(__file__).resolve().parents[2]
_TOP = 30


@dataclass(frozen=True, slots=True)
class Stage:
    """CPU seconds per minute of video, one figure per round."""

    name: str
    what: str
    seconds: list[float]


def stages(url: str, folder: Path, seconds: float, rounds: int) -> list[Stage]:
    """ffmpeg first, then each stage."""
    found = [Stage("ffmpeg", "the reference", []), *(Stage(name, what, []) for name, what in STAGES)]
    (folder / "ffmpeg").mkdir()
    running = [subprocess.Popen(ffmpeg_command(url, folder / "ffmpeg"))]
    try:
        running += [_start(stage.name, url, folder) for stage in found[1:]]
        time.sleep(2 * WARM_UP_S)
        for _ in range(rounds):
            started, before = time.monotonic(), [cpu_seconds(one.pid) for one in running]
            time.sleep(seconds)
            per_minute = 60 / (time.monotonic() - started)
            for one, stage, spent in zip(running, found, before, strict=True):
                if one.poll() is not None:
                    raise RuntimeError(f"stage {stage.name} ended by itself")
                stage.seconds.append((cpu_seconds(one.pid) - spent) * per_minute)
    finally:
        for one in running:
            one.kill()
            one.wait()
    return found


def functions(url: str, folder: Path, seconds: float) -> str:
    """The functions of the last stage that take most, by their own time."""
    result = folder / "profile"
    one = _start(STAGES[-1][0], url, folder, EDGEWARD_BENCH_PROFILE=str(result))
    try:
        time.sleep(WARM_UP_S + seconds)
        one.send_signal(signal.SIGTERM)
        one.wait(20)
    finally:
        one.kill()
        one.wait()
    text = io.StringIO()
    pstats.Stats(str(result), stream=text).strip_dirs().sort_stats("tottime").print_stats(_TOP)
    return text.getvalue()


def _start(stage: str, url: str, folder: Path, **environment: str) -> subprocess.Popen[bytes]:
    (folder / stage).mkdir()
    command = [sys.executable, "-m", "tests.bench.stages", stage, url, str(folder / stage)]
    return subprocess.Popen(command, cwd=_ROOT, env={**os.environ, **environment})
