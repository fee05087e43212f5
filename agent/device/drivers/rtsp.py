"""Network cameras by RTSP, passed through without encoding again.

Guarantees: an open returns within some ten seconds, a silent camera is noticed within two; the first key
frame is kept; audio is not asked for (a camera that offers it is opened a second time without it);
texts name the camera by host and port only. Leaves out ONVIF (`onvif.py` opens this driver after it). The
caller reopens after a `Retry`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from urllib.parse import quote, urlsplit

from av import error as averror
from av.packet import Packet
from av.video.stream import VideoStream

from agent.device.drivers.demux import Demuxer, detached, facts_of, open_container, period_of, video_of
from agent.device.drivers.timestamps import TimestampRepair
from agent.device.redact import redact
from agent.model.device_report import DeviceReport
from agent.model.errors import AgentError, Retry
from agent.model.media import Captured, StreamFacts
from agent.model.ports.clock import Clock
from agent.model.source_settings import RtspSettings
from agent.model.times import NS_PER_S

# FFmpeg reports a timeout of t seconds after about 2 t: 0.9 s here is noticed after 1.8 s.
OPENING_S = 5.0
_SILENCE_S = 0.9
_PROTOCOLS = "rtsp,rtsps,rtp,rtcp,udp,tcp,tls"


def open_source(settings: RtspSettings, clock: Clock) -> RtspSource:
    """Connects and reads until the stream's parameters are known (about 0.4 s at 25 frames/s)."""
    return RtspSource(settings, clock)


class RtspSource:
    """Implements the source port."""

    def __init__(
        self,
        settings: RtspSettings,
        clock: Clock,
        *,
        device: DeviceReport | None = None,
        opening_s: float = OPENING_S,
    ) -> None:
        """`opening_s` is FFmpeg's limit for an open, which ends after about twice as long."""
        self._clock = clock
        self._settings = settings
        url = _url_with_password(settings)
        options = {
            "rtsp_transport": str(settings.transport),
            "protocol_whitelist": _PROTOCOLS,
            # Guessing the rate from 20 frames would cost a second, and `fflags=nobuffer` the first GOP.
            "fpsprobesize": "0",
        }
        opening = partial(_while_opening, settings, clock, clock.mono_ns(), opening_s)
        timeouts = (opening_s, _SILENCE_S)
        container = open_container(url, options, opening, timeouts)
        has_audio = bool(container.streams.audio)
        if has_audio:
            container.close()
            container = open_container(url, options | {"allowed_media_types": "video"}, opening, timeouts)
        video = video_of(container)
        self._template = detached(video)
        self._facts = replace(facts_of(video, has_audio=has_audio), device=device)
        self._demuxer = Demuxer(container, video, partial(_while_reading, settings))
        self._repair: TimestampRepair[tuple[Packet[VideoStream], int]] = TimestampRepair(
            period_of(self._facts)
        )

    @property
    def facts(self) -> StreamFacts:
        return self._facts

    @property
    def template(self) -> object:
        return self._template

    @property
    def repairs(self) -> int:
        """How many timestamps had to be changed."""
        return self._repair.repairs + self._repair.resets

    def packets(self) -> Iterator[Captured]:
        read, add, mono_ns = self._demuxer.read, self._repair.add, self._clock.mono_ns
        while (packet := read()) is not None:
            for (ready, arrived_ns), pts, dts in add((packet, mono_ns()), packet.pts, packet.dts):
                if self._demuxer.closed:
                    return
                yield Captured(
                    ready, arrived_ns, pts, dts, ready.is_keyframe, ready.size, self._repair.stepped
                )
        if not self._demuxer.closed:
            raise Retry(
                "source.lost",
                f"the camera at {_where(self._settings)} ended the connection",
                "check the camera's power and network; it is opened again by itself",
                after_s=1.0,
            )

    def close(self) -> None:
        self._demuxer.close()


def _url_with_password(settings: RtspSettings) -> str:
    parts = urlsplit(settings.url)
    if settings.username is None:
        return settings.url
    user = quote(settings.username, safe="") + ":" + quote(settings.password or "", safe="")
    return parts._replace(netloc=f"{user}@{parts.netloc}").geturl()


def _where(settings: RtspSettings) -> str:
    return urlsplit(settings.url).netloc


def _reason(settings: RtspSettings, error: averror.FFmpegError) -> str:
    return redact(error.strerror or "no reason given", (settings.username, settings.password))


def _while_opening(
    settings: RtspSettings, clock: Clock, started_ns: int, opening_s: float, error: averror.FFmpegError
) -> AgentError:
    where = _where(settings)
    if isinstance(error, averror.HTTPUnauthorizedError | averror.HTTPForbiddenError):
        return Retry(
            "source.unauthorized",
            f"the camera at {where} did not accept the name and password",
            "check them on the camera, and that it offers MD5 digest: cameras that offer only SHA-256 "
            "digest are not supported by FFmpeg. Tried again rarely, so that the camera locks nobody out",
            after_s=60.0,
        )
    if isinstance(error, averror.HTTPNotFoundError):
        return Retry(
            "source.not-found",
            f"the camera at {where} has no such stream",
            "check the path in the RTSP address against the camera's profiles",
            after_s=30.0,
        )
    timed_out = clock.mono_ns() - started_ns >= opening_s * NS_PER_S  # FFmpeg may call it invalid data
    if isinstance(error, averror.InvalidDataError) and not timed_out:
        return _garbage(settings, error)
    reason = "no answer in time" if timed_out else _reason(settings, error)
    return Retry(
        "source.unreachable",
        f"the camera at {where} can't be reached: {reason}",
        "check power, cable, address and port; it is tried again by itself",
        after_s=5.0,
    )


def _while_reading(settings: RtspSettings, error: averror.FFmpegError) -> AgentError:
    where = _where(settings)
    if isinstance(error, averror.ExitError | averror.TimeoutError):
        return Retry(
            "source.stalled",
            f"the camera at {where} sends no pictures",
            "check the camera's load and network; it is opened again by itself",
            after_s=1.0,
        )
    if isinstance(error, averror.InvalidDataError):
        return _garbage(settings, error)
    return Retry(
        "source.lost",
        f"the connection to the camera at {where} broke: {_reason(settings, error)}",
        "check the camera's power and network; it is opened again by itself",
        after_s=1.0,
    )


def _garbage(settings: RtspSettings, error: averror.FFmpegError) -> AgentError:
    return Retry(
        "source.garbage",
        f"what {_where(settings)} sends can't be understood: {_reason(settings, error)}",
        "check that the address is an RTSP port of a camera, then its firmware",
        after_s=30.0,
    )
