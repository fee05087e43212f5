"""Prepares an ONVIF camera for recording: who it is, its clock, its encoder set to the spec and read back.

Guarantees: nothing is written but the chosen profile's video encoder, only when something differs from the
spec and `configure` is on; what is told afterwards is what was read back, never what was sent (STD 6.2).
A value that the camera refuses costs only itself: the others are then sent one by one. Every text is free
of secrets. Leaves out the pictures (`drivers/rtsp.py`) and when to try again.

Audio is not switched off on the camera, because other receivers may use the profile: a profile without it
is preferred, and sound that comes all the same is never asked for over RTSP and told as a difference.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from agent.device import onvif_reading as reading
from agent.device.onvif_plan import (
    SETTABLE,
    Encoder,
    MediaProfile,
    Offer,
    changed,
    choose_profile,
    differences,
    ideal,
    reachable,
    setting_name,
)
from agent.device.onvif_soap import (
    UNAUTHORIZED,
    Camera,
    CameraRefused,
    Limits,
    Login,
    garbage,
    load_definitions,
    unreachable,
)
from agent.model.device_report import DeviceReport, Difference, Why, told
from agent.model.errors import AgentError, Retry
from agent.model.ports.clock import Clock
from agent.model.source_settings import OnvifSettings
from agent.model.spec import AudioRule, CollectionSpec

_MEDIA = "http://www.onvif.org/ver10/media/wsdl"
_STREAM = {"Stream": "RTP-Unicast", "Transport": {"Protocol": "RTSP"}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """Where the pictures are, without name and password, and what is to be told."""

    stream_url: str
    report: DeviceReport


def prepare(
    settings: OnvifSettings, clock: Clock, random: Callable[[int], bytes], limits: Limits | None = None
) -> Prepared:
    """Raises `Retry` or `Refuse` with code `source.…`. Runs an event loop of its own until it is done.

    The first time in a process takes a second longer: see `preload`.
    """
    return asyncio.run(_prepare(settings, clock, random, limits or Limits()))


def preload() -> None:
    """For the process that others are forked from: they share what is loaded (36 MiB), and don't wait."""
    asyncio.run(load_definitions())


async def _prepare(
    settings: OnvifSettings, clock: Clock, random: Callable[[int], bytes], limits: Limits
) -> Prepared:
    login = None
    if settings.username is not None:
        login = Login(username=settings.username, password=settings.password or "")
    camera = Camera(settings.url, login, random, limits)
    await load_definitions()  # before the time runs: it depends on this machine, not on the camera
    try:
        async with asyncio.timeout(limits.total_s), camera:
            return await _steps(camera, settings, clock)
    except TimeoutError:
        problem: AgentError = unreachable(camera.where, f"not done within {limits.total_s:g} s")
    except CameraRefused as refused:
        problem = Retry(
            "source.refused",
            f"the camera at {camera.where} refuses what every ONVIF camera must tell: {refused.reason}",
            "check the rights of this account on the camera, and its firmware",
            after_s=30.0,
        )
    raise problem


async def _steps(camera: Camera, settings: OnvifSettings, clock: Clock) -> Prepared:
    ahead_ns = await _clock_ahead_ns(camera, clock)
    if ahead_ns is not None:
        camera.clock_ahead = timedelta(microseconds=ahead_ns // 1000)
        await camera.forget_services()
    identity = await camera.call("devicemgmt", "GetDeviceInformation")
    media = camera.address_here(await _media_address(camera))
    listed = reading.media_profiles(await camera.call("media", "GetProfiles", address=media))
    spec = settings.spec
    written: tuple[str, ...] = ()
    found: tuple[Difference, ...] = ()
    if spec is None:
        profile = _first(listed, settings.profile, camera.where)
    else:
        profile = choose_profile(listed, spec, settings.profile)
        written, found = await _conform(camera, media, profile, spec, configure=settings.configure)
    uri = await camera.call(
        "media", "GetStreamUri", {"StreamSetup": _STREAM, "ProfileToken": profile.token}, address=media
    )
    address, moved_from = reading.stream_address(uri, urlsplit(settings.url).hostname or "")
    if moved_from is not None:
        asked, got = told(urlsplit(settings.url).hostname) or "", told(moved_from) or ""
        found = (*found, Difference(setting="stream host", asked=asked, got=got, why=Why.LEFT_ALONE))
    names = identity if isinstance(identity, dict) else {}
    report = DeviceReport(
        manufacturer=told(names.get("Manufacturer")),
        model=told(names.get("Model")),
        firmware=told(names.get("FirmwareVersion")),
        serial=told(names.get("SerialNumber")),
        clock_ahead_ms=None if ahead_ns is None else round(ahead_ns / 1e6),
        media_profile=told(profile.token),
        written=written,
        differences=found,
    )
    return Prepared(stream_url=address, report=report)


async def _clock_ahead_ns(camera: Camera, clock: Clock) -> int | None:
    """How far the camera's clock is ahead of ours at the middle of the call; None when it doesn't tell.

    Asked without a name, as ONVIF wants it: the name's signature needs this answer.
    """
    before_ns = clock.now().wall_ns
    try:
        answer = await camera.call_without_name("devicemgmt", "GetSystemDateAndTime")
    except CameraRefused:
        return None
    told_ns = reading.device_time_ns(answer)
    return None if told_ns is None else told_ns - (before_ns + clock.now().wall_ns) // 2


async def _media_address(camera: Camera) -> str:
    try:
        answer = await camera.call("devicemgmt", "GetServices", {"IncludeCapability": False})
    except CameraRefused:  # cameras before ONVIF 2.0 have no such operation
        answer = await camera.call("devicemgmt", "GetCapabilities", {"Category": "Media"})
    address = reading.media_address(answer, _MEDIA)
    if address is None:
        raise garbage(camera.where, "it names no media service (version 10)")
    return address


def _first(listed: tuple[MediaProfile, ...], wanted: str | None, where: str) -> MediaProfile:
    """The profile for a measurement without a spec: the named one, or the camera's first."""
    usable = [p for p in listed if p.encoder is not None and wanted in (None, p.token)]
    if not usable:
        raise garbage(where, "no media profile with video")
    return usable[0]


async def _conform(
    camera: Camera, media: str, profile: MediaProfile, spec: CollectionSpec, *, configure: bool
) -> tuple[tuple[str, ...], tuple[Difference, ...]]:
    """What was written, and what reads back other than the spec asks."""
    now, token = profile.encoder, profile.encoder_token
    if now is None or token is None:
        raise RuntimeError("a profile without an encoder is never chosen")
    wanted = ideal(spec, now)
    sound: tuple[Difference, ...] = ()
    if profile.has_audio and spec.audio is AudioRule.FORBID:
        sound = (Difference(setting="audio", asked="none", got="offered", why=Why.LEFT_ALONE),)
    if not configure or wanted.codec != SETTABLE or not changed(now, wanted):
        return (), (*sound, *differences(wanted, None, now))
    sent = reachable(wanted, spec, await _offer(camera, media, profile), now)
    refused: frozenset[str] = frozenset()
    got = now
    if changed(now, sent):
        raw, _ = await _read(camera, media, token)
        refused = await _write(camera, media, raw, now, sent)
        _, got = await _read(camera, media, token)
    written = tuple(setting_name(name) for name in changed(now, sent) if name not in refused)
    return written, (*sound, *differences(wanted, sent, got, refused))


async def _offer(camera: Camera, media: str, profile: MediaProfile) -> Offer:
    tokens = {"ConfigurationToken": profile.encoder_token, "ProfileToken": profile.token}
    try:
        return reading.offer(
            await camera.call("media", "GetVideoEncoderConfigurationOptions", tokens, address=media)
        )
    except CameraRefused:
        return Offer()  # it doesn't tell: the spec's own values are tried


async def _read(camera: Camera, media: str, token: str) -> tuple[dict[str, Any], Encoder]:
    raw = await camera.call(
        "media", "GetVideoEncoderConfiguration", {"ConfigurationToken": token}, address=media
    )
    encoder = reading.encoder(raw)
    if encoder is None:
        raise garbage(camera.where, "a video encoder without codec or size")
    return raw, encoder


async def _write(
    camera: Camera, media: str, raw: dict[str, Any], now: Encoder, sent: Encoder
) -> frozenset[str]:
    """Writes `sent` over `now`; the names of the settings that the camera refused.

    An account that may look and not set is no reason to go without pictures: all is refused then, and not
    tried one by one, because cameras lock accounts out.
    """

    async def accepts(settings: Encoder) -> bool:
        request = {"Configuration": reading.with_settings(raw, settings), "ForcePersistence": True}
        try:
            await camera.call("media", "SetVideoEncoderConfiguration", request, address=media)
        except CameraRefused:
            return False
        return True

    try:
        if await accepts(sent):
            return frozenset()
    except Retry as error:
        if error.code != UNAUTHORIZED:
            raise
        return frozenset(changed(now, sent))
    refused = set()
    taken = now
    for name in changed(now, sent):
        attempt = replace(taken, **{name: getattr(sent, name)})
        if await accepts(attempt):
            taken = attempt
        else:
            refused.add(name)
    return frozenset(refused)
