"""Which media profile of an ONVIF camera is used, what its encoder is set to, and what came of it. Pure.

Guarantees: a profile with sound loses to one without while the spec forbids audio (STD 6.2, minimum
necessary); a value that the spec allows is kept, so that a camera which is right is not written to; of the
sizes offered, none above the spec's is chosen while there is another. Leaves out the messages
(`onvif_client.py`) and what is delivered in the end: that is measured.

Units as in ONVIF's media service (ver10): bit rates in kbit/s, rates in whole frames/s, distances of key
frames in frames.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from math import ceil, floor

from agent.model.device_report import Difference, Why
from agent.model.errors import Refuse
from agent.model.spec import AudioRule, Codec, CollectionSpec

Size = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoder:
    """The settings of a video encoder that a spec speaks of. None: the camera has no such setting.

    `codec` is the camera's word in lower case (`h264`, `jpeg`, …), and so is `profile` (`main`, …).
    """

    codec: str
    size: Size
    rate: int | None
    bitrate_kbps: int | None
    gop_frames: int | None
    profile: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """Whole numbers from `low` to `high`."""

    low: int
    high: int

    def nearest(self, value: int) -> int:
        """`value`, or the border next to it."""
        return max(self.low, min(self.high, value))


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What the camera's H.264 encoder can be set to. Empty or None: not told."""

    sizes: tuple[Size, ...] = ()
    rate: Range | None = None
    bitrate_kbps: Range | None = None
    gop_frames: Range | None = None
    profiles: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaProfile:
    """One of the camera's media profiles. `encoder_token` names the configuration that it uses."""

    token: str
    has_audio: bool
    encoder_token: str | None
    encoder: Encoder | None


# H.265 is unknown to the media service that we speak: such an encoder is left as it is.
SETTABLE = Codec.H264.value
SETTINGS = tuple(field.name for field in fields(Encoder))


def choose_profile(
    profiles: Iterable[MediaProfile], spec: CollectionSpec, wanted: str | None
) -> MediaProfile:
    """The profile named `wanted`, or the one nearest to the spec, the camera's first one among equals.

    Raises `Refuse` `source.no-profile`.
    """
    listed = list(profiles)
    usable = [profile for profile in listed if profile.encoder is not None]
    if wanted is not None:
        usable = [profile for profile in usable if profile.token == wanted]
    if usable:
        return min(usable, key=lambda profile: _distance(profile, spec))
    names = ", ".join(repr(profile.token) for profile in listed[:8]) or "none"
    what = "media profile with video" if wanted is None else f"media profile {wanted!r} with video"
    raise Refuse(
        "source.no-profile",
        f"the camera has no {what}; it has: {names}",
        "make a profile with a video encoder on the camera, or name one of these as `profile`",
    )


def _distance(profile: MediaProfile, spec: CollectionSpec) -> tuple[int, ...]:
    """Lower is nearer: sound, a codec that isn't wanted, too small, then how many settings would change."""
    encoder = profile.encoder
    if encoder is None:
        raise RuntimeError("only profiles with an encoder are compared")
    sound = profile.has_audio and spec.audio is AudioRule.FORBID
    wrong_codec = encoder.codec not in {codec.value for codec in spec.codecs}
    too_small = not _fits(encoder.size, spec) and _area(encoder.size) < spec.width * spec.height
    changes = len(changed(encoder, ideal(spec, encoder)))
    return int(sound), int(wrong_codec), int(too_small), changes


def ideal(spec: CollectionSpec, now: Encoder) -> Encoder:
    """What the spec asks for, whatever the camera offers; `now` where it allows that or says nothing."""
    codec = now.codec
    if codec not in {allowed.value for allowed in spec.codecs}:
        codec = Codec.H264.value if Codec.H264 in spec.codecs else spec.codecs[0].value
    rate = max(1, round(spec.rate))
    is_new = codec != now.codec
    return Encoder(
        codec=codec,
        size=now.size if _fits(now.size, spec) else (spec.width, spec.height),
        rate=rate,
        bitrate_kbps=_bitrate(spec, now.bitrate_kbps),
        gop_frames=_gop(spec, now.gop_frames, rate, is_new=is_new),
        profile=_profile(spec, now.profile, is_new=is_new),
    )


def reachable(wanted: Encoder, spec: CollectionSpec, offer: Offer, now: Encoder) -> Encoder:
    """`wanted`, each setting moved to the nearest value that the camera offers."""
    profile = wanted.profile
    if profile is not None and offer.profiles and profile not in offer.profiles:
        allowed = [name for name in spec.profiles or offer.profiles if name in offer.profiles]
        profile = allowed[0] if allowed else offer.profiles[0]
    return replace(
        wanted,
        size=_nearest_size(wanted.size, spec, offer.sizes),
        rate=None if now.rate is None else _nearest(wanted.rate, offer.rate),
        bitrate_kbps=_nearest(wanted.bitrate_kbps, offer.bitrate_kbps),
        gop_frames=_nearest(wanted.gop_frames, offer.gop_frames),
        profile=profile,
    )


def changed(now: Encoder, wanted: Encoder) -> tuple[str, ...]:
    """The names of the settings in which they differ, in a fixed order."""
    return tuple(name for name in SETTINGS if getattr(now, name) != getattr(wanted, name))


def differences(
    wanted: Encoder, sent: Encoder | None, got: Encoder, refused: frozenset[str] = frozenset()
) -> tuple[Difference, ...]:
    """Every setting that reads back other than `wanted`, and why. `sent` None: nothing was to be set."""
    found = []
    for name in changed(got, wanted):
        if sent is None:
            why = Why.LEFT_ALONE
        elif name in refused:
            why = Why.REFUSED
        elif getattr(sent, name) != getattr(wanted, name) and getattr(sent, name) == getattr(got, name):
            why = Why.NOT_OFFERED
        else:
            why = Why.CHANGED
        asked, read = _text(name, getattr(wanted, name)), _text(name, getattr(got, name))
        found.append(Difference(setting=setting_name(name), asked=asked, got=read, why=why))
    return tuple(found)


def setting_name(name: str) -> str:
    """The name for people of one of `SETTINGS`."""
    return _TEXTS[name][0]


def _fits(size: Size, spec: CollectionSpec) -> bool:
    width_min, height_min = spec.width_min, spec.height_min
    if width_min is None and height_min is None:
        return size == (spec.width, spec.height)
    return (width_min or 1) <= size[0] <= spec.width and (height_min or 1) <= size[1] <= spec.height


def _nearest_size(wanted: Size, spec: CollectionSpec, sizes: tuple[Size, ...]) -> Size:
    if not sizes or wanted in sizes:
        return wanted
    fitting = [size for size in sizes if _fits(size, spec)]
    smaller = [size for size in sizes if size[0] <= spec.width and size[1] <= spec.height]
    if fitting or smaller:
        return max(fitting or smaller, key=_area)
    return min(sizes, key=_area)


def _area(size: Size) -> int:
    return size[0] * size[1]


def _nearest(wanted: int | None, offered: Range | None) -> int | None:
    return wanted if wanted is None or offered is None else offered.nearest(wanted)


def _bitrate(spec: CollectionSpec, now: int | None) -> int | None:
    """Inside the spec's bounds, and nearest to what it is."""
    if now is None:
        return None
    low, high = spec.bitrate_min_bps, spec.bitrate_max_bps
    value = now if low is None else max(now, ceil(low / 1000))
    return value if high is None else max(1, min(value, floor(high / 1000)))


def _gop(spec: CollectionSpec, now: int | None, rate: int, *, is_new: bool) -> int | None:
    """At most the spec's longest distance; one second when the codec is new and nothing is known."""
    if now is None and not is_new:
        return None
    longest = None if spec.gop_max_s is None else max(1, floor(spec.gop_max_s * rate))
    value = rate if now is None or now < 1 else now
    return value if longest is None else min(value, longest)


def _profile(spec: CollectionSpec, now: str | None, *, is_new: bool) -> str | None:
    """The spec's first profile that ONVIF has a word for, unless the present one is allowed."""
    if now is None and not is_new:
        return None
    if now is not None and (spec.profiles is None or now in spec.profiles):
        return now
    known = [name for name in spec.profiles or () if name in H264_PROFILES]
    return known[0] if known else now or "main"


# tt:H264Profile of ONVIF's schema, by the names that a spec uses.
H264_PROFILES = {"baseline": "Baseline", "main": "Main", "extended": "Extended", "high": "High"}


# Name for people, and unit.
_TEXTS: dict[str, tuple[str, str]] = {
    "codec": ("codec", ""),
    "size": ("size", ""),
    "rate": ("rate", " frames/s"),
    "bitrate_kbps": ("bit rate", " kbit/s"),
    "gop_frames": ("key frame distance", " frames"),
    "profile": ("codec profile", ""),
}


def _text(name: str, value: object) -> str:
    if value is None:
        return "not told"
    if isinstance(value, tuple):
        return f"{value[0]}x{value[1]}"
    return f"{value}{_TEXTS[name][1]}"
