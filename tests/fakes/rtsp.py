"""Starts the RTSP server of `rtsp_server.py` in its own process, for tests that need a real camera.

Guarantees: the address is on a free loopback port; the process is gone when the block is left, however it
was left and even while it is stopped by a signal.
"""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PYTHON = "/usr/bin/python3"  # the one with GStreamer's bindings
_SCRIPT = Path(__file__).with_name("rtsp_server.py")


class RtspServer:
    """A running server."""

    def __init__(self, process: subprocess.Popen[str], port: int) -> None:
        self._process = process
        self.port = port
        self.url = f"rtsp://127.0.0.1:{port}/cam"

    def freeze(self) -> None:
        """Stops the process in its tracks (SIGSTOP): connections stay open, nothing comes."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Lets it go on."""
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """Ends the process at once: the kernel closes its connections."""
        self._process.kill()
        self._process.wait()


@contextmanager
def rtsp_server(
    *,
    codec: str = "h264",
    size: tuple[int, int] = (320, 240),
    audio: bool = False,
    in_band: bool = True,
    user: str | None = None,
    password: str | None = None,
    port: int = 0,
) -> Iterator[RtspServer]:
    """A live camera at 25 frames/s. `in_band` repeats the parameter sets with every key frame."""
    command = [_PYTHON, str(_SCRIPT), "--codec", codec, "--width", str(size[0]), "--height", str(size[1])]
    command += ["--port", str(port), "--config-interval", "-1" if in_band else "0"]
    if audio:
        command.append("--audio")
    if user is not None:
        command += ["--user", user, "--password", password or ""]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            assert process.stdout is not None
            words = process.stdout.readline().split()
            if len(words) != 2 or words[0] != "ready":
                raise RuntimeError("the RTSP server did not start")
            yield RtspServer(process, int(words[1]))
        finally:
            process.kill()
