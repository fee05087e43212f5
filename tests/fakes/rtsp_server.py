"""A camera that speaks RTSP, run by the system's Python, which has GStreamer's bindings.

Guarantees: `rtsp_server.py --port 0` binds a free loopback port, prints `ready <port>`, serves `/cam` live
at 25 frames/s with a key frame per second, and lives until killed. With `--user` and `--password` it asks
for MD5 digest authentication.
"""

from __future__ import annotations

import argparse
from typing import Any

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtsp, GstRtspServer  # noqa: E402  (after require_version)

_ENCODERS = {
    "h264": "x264enc tune=zerolatency speed-preset=ultrafast sliced-threads=false threads=1 "
    "key-int-max=25 bitrate=500 ! "
    "video/x-h264,profile={profile} ! h264parse ! rtph264pay config-interval={interval} name=pay0 pt=96",
    "h265": "x265enc tune=zerolatency speed-preset=ultrafast key-int-max=25 bitrate=500 "
    "option-string=bframes=0 ! h265parse ! rtph265pay config-interval={interval} name=pay0 pt=96",
}


def _launch(options: argparse.Namespace) -> str:
    encoder = _ENCODERS[options.codec].format(profile="baseline", interval=options.config_interval)
    video = (
        "videotestsrc is-live=true pattern=ball ! "
        f"video/x-raw,format=I420,width={options.width},height={options.height},framerate=25/1 ! {encoder}"
    )
    audio = " audiotestsrc is-live=true ! voaacenc ! rtpmp4gpay name=pay1 pt=97" if options.audio else ""
    return f"( {video}{audio} )"


def _protect(server: Any, factory: Any, user: str, password: str) -> None:
    auth = GstRtspServer.RTSPAuth()
    auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", "viewer")
    auth.add_digest(user, password, token)
    server.set_auth(auth)
    permissions = GstRtspServer.RTSPPermissions()
    permissions.add_permission_for_role("viewer", "media.factory.access", True)
    permissions.add_permission_for_role("viewer", "media.factory.construct", True)
    factory.set_permissions(permissions)


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", default="0")
    parser.add_argument("--codec", choices=sorted(_ENCODERS), default="h264")
    parser.add_argument("--width", type=int, default=320)
    parser.add_argument("--height", type=int, default=240)
    parser.add_argument("--config-interval", type=int, default=-1, help="0: parameter sets only in the SDP")
    parser.add_argument("--audio", action="store_true")
    parser.add_argument("--user")
    parser.add_argument("--password")
    options = parser.parse_args()
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(options.port)
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(_launch(options))
    factory.set_shared(True)
    if options.user:
        _protect(server, factory, options.user, options.password)
    server.get_mount_points().add_factory("/cam", factory)
    server.attach(None)
    print("ready", server.get_bound_port(), flush=True)  # noqa: T201  (how the test learns the port)
    GLib.MainLoop().run()


if __name__ == "__main__":
    main()
