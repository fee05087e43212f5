"""Serves pre-encoded H.264 frames by RTSP in real time, in a loop, without encoding anything.

Guarantees: run by the system's Python, which has GStreamer's bindings; binds a free loopback port, prints
`ready <port>`, serves `/cam` at 25 frames/s with timestamps that go on growing, and lives until killed.
All clients share one stream, which starts with the first and ends with the last of them. Its own
processor time belongs to no contender. The file holds (4-byte length, access unit) again and again.
"""

from __future__ import annotations

import struct
import sys
from pathlib import Path
from typing import Any

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402  (after require_version)

_RATE = 25
_LAUNCH = (
    "( appsrc name=source format=time is-live=true block=false max-bytes=0 "
    "caps=video/x-h264,stream-format=byte-stream,alignment=au,framerate=25/1 "
    "! h264parse ! rtph264pay config-interval=-1 name=pay0 pt=96 )"
)


def _read(path: Path) -> list[bytes]:
    data, at, frames = path.read_bytes(), 0, []
    while at < len(data):
        (size,) = struct.unpack_from(">I", data, at)
        frames.append(data[at + 4 : at + 4 + size])
        at += 4 + size
    return frames


class _Feeder:
    """Pushes each frame when it is due on the stream's own clock."""

    def __init__(self, source: Any, frames: list[bytes]) -> None:
        self._source = source
        self._frames = frames
        self._number = 0
        self._started_us = GLib.get_monotonic_time()
        self._push()

    def _push(self) -> bool:
        number = self._number
        buffer = Gst.Buffer.new_wrapped(self._frames[number % len(self._frames)])
        buffer.pts = buffer.dts = number * Gst.SECOND // _RATE
        buffer.duration = Gst.SECOND // _RATE
        if self._source.emit("push-buffer", buffer) != Gst.FlowReturn.OK:
            return False
        self._number += 1
        due_us = self._started_us + self._number * 1_000_000 // _RATE
        GLib.timeout_add(max(0, (due_us - GLib.get_monotonic_time()) // 1000), self._push)
        return False


def main() -> None:
    """Serve until killed."""
    frames = _read(Path(sys.argv[1]))
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service("0")
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(_LAUNCH)
    factory.set_shared(True)

    def configured(_factory: Any, media: Any) -> None:
        source = media.get_element().get_child_by_name("source")
        feeder = _Feeder(source, frames)
        media.connect("unprepared", lambda _media: feeder)

    factory.connect("media-configure", configured)
    server.get_mount_points().add_factory("/cam", factory)
    server.attach(None)
    sys.stdout.write(f"ready {server.get_bound_port()}\n")
    sys.stdout.flush()
    GLib.MainLoop().run()


if __name__ == "__main__":
    main()
