"""RTSP cameras with scripted faults: what the synthetic source makes, sent live by a real RTSP server.

Guarantees: each picture is sent when its media time has come, counted from `play`, so that a fault scripted
at `at_s` leaves the camera at that moment; a picture that came late is counted in `late_s`. The process of
the server is gone when the block is left. Needs GStreamer's RTSP server (`rtsp_player.py`).
"""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from struct import Struct

from agent.device.drivers import open_source
from agent.host.clock import SystemClock
from agent.model.errors import AgentError
from agent.model.source_settings import FaultKind, Pace, SyntheticSettings
from agent.model.times import NS_PER_S

_PYTHON = "/usr/bin/python3"  # the one with GStreamer's bindings
_SCRIPT = Path(__file__).with_name("rtsp_player.py")
_HEADER = Struct("!BQI")  # as there: it can't be imported without those bindings


class RtspCameras:
    """Cameras of one server, numbered as their settings are."""

    def __init__(
        self, process: subprocess.Popen[bytes], port: int, cameras: Sequence[SyntheticSettings]
    ) -> None:
        self._process = process
        self._cameras = cameras
        self._writing = threading.Lock()
        self._stopped = threading.Event()
        self._threads: list[threading.Thread] = []
        self.urls = [f"rtsp://127.0.0.1:{port}/cam{number}" for number in range(len(cameras))]
        self.late_s = 0.0
        self.began_s = 0.0

    def play(self) -> None:
        """All cameras begin now. `began_s` is this moment of `time.monotonic`."""
        self.began_s = time.monotonic()
        self._threads = [
            threading.Thread(target=self._send_all, args=(number, settings))
            for number, settings in enumerate(self._cameras)
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """No more pictures."""
        self._stopped.set()
        for thread in self._threads:
            thread.join()

    def _send_all(self, number: int, settings: SyntheticSettings) -> None:
        clock = SystemClock()
        with closing(open_source(replace(settings, pace=Pace.FAST), clock)) as source:
            start_ns = clock.mono_ns()
            tick = source.facts.time_base * NS_PER_S
            first_ns: int | None = None
            try:
                for captured in source.packets():
                    first_ns = captured.arrived_ns if first_ns is None else first_ns
                    due_s = self.began_s + (captured.arrived_ns - first_ns) / NS_PER_S
                    if self._stopped.wait(max(0.0, due_s - time.monotonic())):
                        return
                    self.late_s = max(self.late_s, time.monotonic() - due_s)
                    self._write(number, start_ns + int(captured.pts * tick), bytes(captured.packet))
            except AgentError:
                return  # a camera whose script is to fall silent

    def _write(self, number: int, at_ns: int, data: bytes) -> None:
        assert self._process.stdin is not None
        with self._writing:
            self._process.stdin.write(_HEADER.pack(number, at_ns, len(data)) + data)
            self._process.stdin.flush()


@contextmanager
def rtsp_cameras(cameras: Sequence[SyntheticSettings]) -> Iterator[RtspCameras]:
    """A server with these cameras, which send nothing before `play`."""
    command = [_PYTHON, str(_SCRIPT), str(len(cameras))]
    for number, settings in enumerate(cameras):
        if any(fault.kind is FaultKind.AUDIO for fault in settings.script):
            command += ["--audio", str(number)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            words = process.stdout.readline().split()
            if len(words) != 2 or words[0] != b"ready":
                raise RuntimeError("the RTSP server did not start")
            made = RtspCameras(process, int(words[1]), cameras)
            try:
                yield made
            finally:
                made.stop()
        finally:
            process.kill()
