"""The two that are compared, each a real process on a real RTSP stream, and the camera that feeds them.

Guarantees: a contender's window begins after its warm-up and ends before its end, so start-up is not
counted; each writes to its own directory, which the caller removes; only processes started here are
ended. The agent is the daemon as shipped: `edgeward run` with one channel, a broker, sealing, syncing.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench.processes import children, cpu_seconds
from tests.fakes.agents import Box, make_box, running, wait_until
from tests.fakes.brokers import mosquitto

SEGMENT_S = 60
WARM_UP_S = 5.0
_SPEC = 'width = {width}\nheight = {height}\nrate = "25"\n'
_SERVER = Path(__file__).with_name("rtsp_loop.py")


@dataclass(frozen=True, slots=True)
class AgentCpu:
    """CPU seconds per minute of video."""

    channel: float
    keeper: float
    zygote: float


@contextmanager
def camera(frames: Path) -> Iterator[str]:
    """The RTSP server with the clip's frames; yields its address."""
    command = ["/usr/bin/python3", str(_SERVER), str(frames)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            assert process.stdout is not None
            words = process.stdout.readline().split()
            if len(words) != 2:
                raise RuntimeError("the RTSP server did not start: is gst-rtsp-server installed?")
            yield f"rtsp://127.0.0.1:{words[1]}/cam"
        finally:
            process.kill()


def ffmpeg_command(url: str, folder: Path) -> list[str]:
    """Copies the stream of `url` into MP4 files in `folder`."""
    command = ["ffmpeg", "-nostdin", "-v", "error", "-rtsp_transport", "tcp", "-i", url, "-map", "0:v"]
    command += ["-c", "copy", "-f", "segment", "-segment_time", str(SEGMENT_S), "-reset_timestamps", "1"]
    return [*command, str(folder / "%08d.mp4")]


def ffmpeg(url: str, folder: Path, seconds: float) -> float:
    """`ffmpeg -c copy -f segment` for one window; CPU seconds per minute of video."""
    with subprocess.Popen(ffmpeg_command(url, folder)) as process:
        try:
            wait_until("ffmpeg writes", lambda: any(folder.glob("*.mp4")))
            [spent] = _window([process.pid], seconds)
            if process.poll() is not None:
                raise RuntimeError("ffmpeg ended by itself")
            return spent
        finally:
            process.terminate()


@contextmanager
def agent(
    url: str, folder: Path, size: tuple[int, int], channels: int
) -> Iterator[tuple[Box, int, int, list[int]]]:
    """The daemon with all channels recording: its box and the pids of keeper, zygote and channels."""
    spec = _SPEC.format(width=size[0], height=size[1])
    with mosquitto(folder) as (host, port):
        box = make_box(
            folder,
            source=f'kind = "rtsp"\nurl = "{url}"\n',
            spec=spec,
            segment_s=SEGMENT_S,
            channels=channels,
            extra=f'[mqtt]\nhost = "{host}"\nport = {port}\ntls = false\n',
        )
        with running(box) as keeper:
            wait_until("all channels record", lambda: _recording(box) == channels, 30 + 2 * channels)
            pids = [row["pid"] for row in box.status()["channels"]]
            zygotes = [pid for pid in children(keeper.pid) if set(pids) & set(children(pid))]
            yield box, keeper.pid, zygotes[0], pids


def edgeward(url: str, folder: Path, size: tuple[int, int], seconds: float) -> AgentCpu:
    """The daemon with one channel for one window; fails when what it wrote doesn't verify."""
    with agent(url, folder, size, 1) as (box, keeper, zygote, channels):
        cpu = AgentCpu(*_window([*channels, keeper, zygote], seconds))
    report = box.verify()
    if report.result != "ok" or report.recordings[0].verdict != "conforming":
        raise RuntimeError(f"the recording is not good: {report}")
    return cpu


def _recording(box: Box) -> int:
    rows = box.status()["channels"]
    return sum(row["signal"] == "present" and row["last_durable_age_s"] is not None for row in rows)


def _window(pids: list[int], seconds: float) -> list[float]:
    """CPU seconds per minute of each process, over `seconds` after the warm-up."""
    time.sleep(WARM_UP_S)
    started, before = time.monotonic(), [cpu_seconds(pid) for pid in pids]
    time.sleep(seconds)
    after, elapsed = [cpu_seconds(pid) for pid in pids], time.monotonic() - started
    return [(b - a) * 60 / elapsed for a, b in zip(before, after, strict=True)]
