"""Tables `[channel.source]` of kinds that need more than a few keys: `onvif`, `v4l2`.

Guarantees: an address holds no name and no password; a device is named by a path below `/dev`.
The other kinds are in `config_v1.py`.
"""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from agent.formats.config_model import StrictModel


def _onvif_address(url: str) -> str:
    if "@" in url:  # anywhere, as in an RTSP address
        raise ValueError("move user and password out of the URL: username = …, password_file = …")
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good:
        raise ValueError('an ONVIF address is written as "http://192.0.2.10", with port and path if needed')
    return url


def _device_path(path: str) -> str:
    if not path.startswith("/dev/") or ".." in path.split("/"):
        raise ValueError('a capture device is written as "/dev/v4l/by-path/…", or "/dev/video0"')
    return path


class OnvifSource(StrictModel):
    """A network camera that is identified and set over ONVIF and then sends its pictures over RTSP."""

    kind: Literal["onvif"]
    url: Annotated[str, AfterValidator(_onvif_address)]
    username: str | None = None
    password_file: str | None = None
    profile: str | None = Field(
        default=None, min_length=1, max_length=64, description="Token of the media profile."
    )
    configure: bool = Field(default=True, description="Set the camera's encoder to the spec.")


class V4l2Source(StrictModel):
    """A capture device of this machine: a grabber for HDMI, SDI or S-Video, or a USB camera."""

    kind: Literal["v4l2"]
    device: Annotated[str, AfterValidator(_device_path)] = Field(
        max_length=200, description="Its stable link below /dev/v4l, or its node."
    )
    input: int | None = Field(
        default=None, ge=0, le=63, description="Number of the input, if it has several."
    )
