"""What an ONVIF camera's answers say, and a configuration changed for sending back. Pure.

Guarantees: answers are plain dictionaries and lists (zeep's objects, serialised); what is missing or of
another type is None or left out, never an error, but for a profile list that can't be read at all. Names
of elements are those of ONVIF's schema (ver10: tds GetDeviceInformation, GetSystemDateAndTime; trt
GetProfiles, GetVideoEncoderConfiguration, GetVideoEncoderConfigurationOptions, GetStreamUri).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any
from urllib.parse import SplitResult, urlsplit

from agent.device.onvif_plan import H264_PROFILES, Encoder, MediaProfile, Offer, Range, Size
from agent.model.device_report import LONGEST, told
from agent.model.errors import Retry

_LARGEST = 1 << 31
_MOST = 64  # profiles, sizes: no camera has as many
_PROFILE_NAMES = {word: name for name, word in H264_PROFILES.items()}


def device_time_ns(answer: object) -> int | None:
    """UTC of GetSystemDateAndTime, in ns since 1970; None when the camera doesn't tell it."""
    utc = _dig(answer, "UTCDateTime")
    date = [_number(_dig(utc, "Date", name)) for name in ("Year", "Month", "Day")]
    time = [_number(_dig(utc, "Time", name)) for name in ("Hour", "Minute", "Second")]
    parts = [part for part in date + time if part is not None]
    if len(parts) != 6:
        return None
    year, month, day, hour, minute, second = parts
    try:
        moment = datetime(year, month, day, hour, minute, min(second, 59), tzinfo=UTC)
    except ValueError:
        return None
    return int(moment.timestamp()) * 1_000_000_000


def media_address(answer: object, namespace: str) -> str | None:
    """The address of a service in the answer of GetServices, or of `Media` in GetCapabilities'."""
    for service in _items(answer):
        address = _dig(service, "XAddr")
        if _dig(service, "Namespace") == namespace and isinstance(address, str):
            return address
    address = _dig(answer, "Media", "XAddr")
    return address if isinstance(address, str) else None


def media_profiles(answer: object) -> tuple[MediaProfile, ...]:
    """The profiles that have a token, in the camera's order."""
    return tuple(_media_profiles(_items(answer)))


def _media_profiles(profiles: Iterable[object]) -> Iterator[MediaProfile]:
    for profile in profiles:
        token = _dig(profile, "token")
        if not isinstance(token, str) or not 0 < len(token) <= LONGEST:
            continue
        configuration = _dig(profile, "VideoEncoderConfiguration")
        encoder_token = _dig(configuration, "token")
        if not isinstance(encoder_token, str):
            encoder_token = None
        yield MediaProfile(
            token=token,
            has_audio=_dig(profile, "AudioEncoderConfiguration") is not None,
            encoder_token=encoder_token,
            encoder=None if encoder_token is None else encoder(configuration),
        )


def encoder(configuration: object) -> Encoder | None:
    """The settings of a video encoder configuration; None for one without codec or size."""
    codec = told(_dig(configuration, "Encoding"))
    size = _size(_dig(configuration, "Resolution"))
    if codec is None or size is None:
        return None
    profile = _dig(configuration, "H264", "H264Profile")
    return Encoder(
        codec=codec[:16].lower(),
        size=size,
        rate=_number(_dig(configuration, "RateControl", "FrameRateLimit")),
        bitrate_kbps=_number(_dig(configuration, "RateControl", "BitrateLimit")),
        gop_frames=_number(_dig(configuration, "H264", "GovLength")),
        profile=_PROFILE_NAMES.get(profile) if isinstance(profile, str) else None,
    )


def offer(answer: object) -> Offer:
    """What the H.264 encoder can be set to."""
    h264 = _dig(answer, "H264")
    sizes = [_size(one) for one in _items(_dig(h264, "ResolutionsAvailable"))]
    words = [word for word in _items(_dig(h264, "H264ProfilesSupported")) if isinstance(word, str)]
    return Offer(
        sizes=tuple(dict.fromkeys(size for size in sizes if size is not None)),
        rate=_range(_dig(h264, "FrameRateRange")),
        bitrate_kbps=_range(_dig(answer, "Extension", "H264", "BitrateRange")),
        gop_frames=_range(_dig(h264, "GovLengthRange")),
        profiles=tuple(_PROFILE_NAMES[word] for word in words if word in _PROFILE_NAMES),
    )


def with_settings(configuration: dict[str, Any], settings: Encoder) -> dict[str, Any]:
    """A copy of `configuration` that asks for `settings`; what they don't name stays as it is."""
    asked = deepcopy(configuration)
    asked["Encoding"] = settings.codec.upper()
    asked["Resolution"] = {"Width": settings.size[0], "Height": settings.size[1]}
    control = asked.get("RateControl")
    if isinstance(control, dict):
        if settings.rate is not None:
            control["FrameRateLimit"] = settings.rate
            control["EncodingInterval"] = 1  # above 1 it would thin the rate out
        if settings.bitrate_kbps is not None:
            control["BitrateLimit"] = settings.bitrate_kbps
    if settings.gop_frames is not None and settings.profile is not None:
        asked["H264"] = {
            "GovLength": settings.gop_frames,
            "H264Profile": H264_PROFILES.get(settings.profile, H264_PROFILES["main"]),
        }
    return asked


def stream_address(answer: object, camera: str) -> tuple[str, str | None]:
    """The RTSP address of GetStreamUri without name and password, and the host that it was moved from.

    `camera` is the host that is configured: pictures come from there and from nowhere else, and the
    password goes nowhere else. A camera behind address translation tells its inner address.
    Raises `Retry` `source.garbage`.
    """
    uri = _dig(answer, "Uri")
    parts, port = _split(uri) if isinstance(uri, str) else (None, None)
    if parts is None or parts.scheme not in ("rtsp", "rtsps") or not parts.hostname:
        raise Retry(
            "source.garbage",
            f"the camera at {camera} tells no RTSP address for its pictures",
            "check the media profile and the firmware of the camera, or configure it as kind rtsp",
            after_s=30.0,
        )
    host = f"[{camera}]" if ":" in camera else camera
    netloc = host if port is None else f"{host}:{port}"
    address = parts._replace(netloc=netloc, fragment="").geturl().replace("@", "%40")
    other = parts.hostname if parts.hostname.casefold() != camera.casefold() else None
    return address, other


def _split(uri: str) -> tuple[SplitResult | None, int | None]:
    try:
        parts = urlsplit(uri.strip())
        return parts, parts.port
    except ValueError:
        return None, None


def _dig(value: object, *path: str) -> object:
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _items(value: object) -> list[object]:
    return value[:_MOST] if isinstance(value, list) else []


def _number(value: object) -> int | None:
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return value if is_number and isinstance(value, int) and 0 <= value < _LARGEST else None


def _range(value: object) -> Range | None:
    low, high = _number(_dig(value, "Min")), _number(_dig(value, "Max"))
    return None if low is None or high is None or low > high else Range(low=low, high=high)


def _size(value: object) -> Size | None:
    width, height = _number(_dig(value, "Width")), _number(_dig(value, "Height"))
    return (width, height) if width and height else None
