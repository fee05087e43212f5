"""Cameras that speak RTSP and send what they are told, run by the system's Python with GStreamer's bindings.

Guarantees: `rtsp_player.py COUNT [--audio N]...` binds a free loopback port, prints `ready <port>`, serves
`/cam0` to `/cam<COUNT-1>`, and sends each picture that comes on stdin at once, with the times it comes with.
Pictures of a camera that nobody watches are dropped. Ends with its stdin. Leaves out times that jump: the
server waits until they have come.

A picture on stdin: 1 byte number of the camera, 8 bytes its time in ns, 4 bytes length, then so many bytes of
H.264 with start codes; numbers in network order.
"""

from __future__ import annotations

import argparse
import os
import struct
import sys
import threading
from typing import Any

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstApp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402  (after require_version)

_HEADER = struct.Struct("!BQI")
_VIDEO = (
    "appsrc name=pictures is-live=true format=time max-bytes=0 "
    "caps=video/x-h264,stream-format=byte-stream,alignment=au ! "
    "h264parse ! rtph264pay config-interval=-1 name=pay0 pt=96"
)
_AUDIO = "audiotestsrc is-live=true ! audio/x-raw,rate=8000,channels=1 ! alawenc ! rtppcmapay name=pay1 pt=8"


class Camera:
    """One mount. `source` is GStreamer's appsrc while somebody watches."""

    def __init__(self) -> None:
        self.source: Any = None
        self.shift_ns: int | None = None

    def configured(self, _factory: Any, media: Any) -> None:
        self.shift_ns = None
        self.source = media.get_element().get_by_name_recurse_up("pictures")

    def send(self, at_ns: int, data: bytes) -> None:
        source = self.source
        if source is None:
            return
        if self.shift_ns is None:
            # A media's time begins when it does.
            clock, base = source.get_clock(), source.get_base_time()
            self.shift_ns = (0 if clock is None else clock.get_time() - base) - at_ns
        buffer = Gst.Buffer.new_wrapped(data)
        buffer.pts = buffer.dts = max(0, at_ns + self.shift_ns)
        source.emit("push-buffer", buffer)


def _read(cameras: list[Camera]) -> None:
    """Sends what comes until there is no more; then this program ends."""
    pictures = sys.stdin.buffer
    while len(head := pictures.read(_HEADER.size)) == _HEADER.size:
        number, at_ns, length = _HEADER.unpack(head)
        cameras[number].send(at_ns, pictures.read(length))
    os._exit(0)


def main() -> None:
    """Serve until stdin ends."""
    parser = argparse.ArgumentParser()
    parser.add_argument("count", type=int)
    parser.add_argument("--audio", type=int, action="append", default=[])
    options = parser.parse_args()
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service("0")
    server.get_thread_pool().set_max_threads(options.count)  # a camera that begins keeps no other waiting
    cameras = [Camera() for _ in range(options.count)]
    for number, camera in enumerate(cameras):
        factory = GstRtspServer.RTSPMediaFactory()
        factory.set_launch(f"( {_VIDEO}{' ' + _AUDIO if number in options.audio else ''} )")
        factory.connect("media-configure", camera.configured)
        server.get_mount_points().add_factory(f"/cam{number}", factory)
    server.attach(None)
    print("ready", server.get_bound_port(), flush=True)  # noqa: T201  (how the test learns the port)
    threading.Thread(target=_read, args=(cameras,), daemon=True).start()
    GLib.MainLoop().run()


if __name__ == "__main__":
    main()
