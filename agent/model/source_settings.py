"""What a channel's source is set to: a network camera, a capture device, a file, a synthetic picture.

Guarantees: frozen values; `repr` never shows a password; an address with a name or password in it is
refused without being repeated. Leaves out reading them from the configuration file.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction
from typing import TypeAlias
from urllib.parse import urlsplit

from agent.model.errors import Refuse
from agent.model.spec import CollectionSpec


class Pace(StrEnum):
    """At the recorded speed, or as fast as it goes with simulated arrival times."""

    REAL_TIME = "real-time"
    FAST = "fast"


class Transport(StrEnum):
    """How RTP comes: inside the RTSP connection, or as datagrams."""

    TCP = "tcp"
    UDP = "udp"


class FaultKind(StrEnum):
    """What a synthetic source can do wrong."""

    FREEZE = "freeze"
    BLACK = "black"
    DEFOCUS = "defocus"
    COVERED = "covered"
    NO_SIGNAL = "no-signal"
    DUPLICATE = "duplicate"
    RATE_CHANGE = "rate-change"
    SIZE_CHANGE = "size-change"
    CLOCK_JUMP = "clock-jump"
    AUDIO = "audio"
    LOSS = "loss"
    SILENCE = "silence"


@dataclass(frozen=True, slots=True, kw_only=True)
class RtspSettings:
    """A camera. `url` holds no name and no password; those have their own fields."""

    url: str
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    transport: Transport = Transport.TCP

    def __post_init__(self) -> None:
        if not _is_address(self.url, ("rtsp", "rtsps")):
            raise Refuse(
                "source.settings",
                "the RTSP address is not usable",
                "write it as rtsp://host:port/path; the name and password have their own settings",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class OnvifSettings:
    """A camera that is asked and set over ONVIF before its pictures come over RTSP.

    `url` is the device service, with ONVIF's own path when it has none. `profile` is the token of a media
    profile; None chooses by `spec`. With `configure` the encoder is set to `spec`; without a spec the
    camera is only asked.
    """

    url: str
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    profile: str | None = None
    configure: bool = True
    spec: CollectionSpec | None = None

    def __post_init__(self) -> None:
        if not _is_address(self.url, ("http", "https")):
            raise Refuse(
                "source.settings",
                "the ONVIF address is not usable",
                "write it as http://host:port; the name and password have their own settings",
            )
        parts = urlsplit(self.url)
        if not parts.path.strip("/"):
            object.__setattr__(self, "url", parts._replace(path="/onvif/device_service").geturl())


@dataclass(frozen=True, slots=True, kw_only=True)
class V4l2Settings:
    """A capture device of this machine: a grabber or a USB camera. `device` is its node or a link to it.

    `input` None: the one that the device is set to. It is set to `spec`; without one it is left as it is,
    but for the mode of its source.
    """

    device: str
    input: int | None = None
    spec: CollectionSpec | None = None

    def __post_init__(self) -> None:
        if not self.device.startswith("/dev/"):
            raise Refuse(
                "source.settings",
                "the capture device is not named by a path below /dev",
                "name its stable link, such as /dev/v4l/by-path/…, or its node, such as /dev/video0",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class FileSettings:
    """A recorded file. With `loop` it starts again at its end, with times that go on growing."""

    path: str
    pace: Pace = Pace.REAL_TIME
    loop: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One scripted fault, from `at_s` for `for_s` seconds of media time.

    `value` is the new rate (frames/s) of a rate change, the new size (`640x480`) of a size change, for a
    loss "one packet of every n" (all of them when None), for a duplicate "one picture of every n" (5),
    for a clock jump the seconds that the timestamps jump by, for a defocus how far it spreads a point in
    thousandths of the width (10), for no signal the card: `blue` (None), `bars` or `white`. Others take
    none. Audio is declared for the whole life of the source: its times mean nothing.
    """

    kind: FaultKind
    at_s: float
    for_s: float
    value: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SyntheticSettings:
    """A generated picture. `seconds` None means without end."""

    width: int = 640
    height: int = 480
    rate: Fraction = Fraction(25)
    bitrate_bps: int = 1_000_000
    gop_s: float = 1.0
    pace: Pace = Pace.REAL_TIME
    seconds: float | None = None
    script: tuple[Fault, ...] = ()


SourceSettings: TypeAlias = RtspSettings | OnvifSettings | V4l2Settings | FileSettings | SyntheticSettings


def _is_address(url: str, schemes: tuple[str, ...]) -> bool:
    """True for a URL with a host, a usable port and no credentials, which have their own settings."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    return parts.scheme in schemes and bool(parts.hostname) and port != 0 and "@" not in url
