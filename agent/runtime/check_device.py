"""What the health checks ask of a channel's device: who it is, its firmware, its door; and of the rules.

Guarantees: nothing is written to a device; cameras' answers are parsed in a process of its own
(`device_asking.py`), which ends within `CHILD_S`; `knock` sends at most the one login that it is given.
Leaves out what follows (`agent/health/checks/`). Raises `Skip` for what is no device, doesn't answer, or
whose password may not be read.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterable, Mapping
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from agent.capture.judge import judge
from agent.capture.measure import Measurement
from agent.capture.observed import Observed
from agent.device.firmware import FirmwareStatus, firmware_findings
from agent.device.http_digest import authorization, strongest
from agent.device.identity import video_node_facts
from agent.device.profile_match import DeviceFacts, ProfileMatch, Trust, declared, match_device
from agent.device.profiles import load_profiles
from agent.formats.config_sources import OnvifSource, V4l2Source
from agent.formats.config_v1 import ChannelConfig, RtspSource
from agent.formats.profile_v1 import Kind
from agent.health import rtsp_door
from agent.health.probed import DeviceSeen, FirmwareDoubt
from agent.health.site import Skip
from agent.model.device_report import told
from agent.model.errors import AgentError
from agent.model.outgoing import Json
from agent.model.spec import Codec, CollectionSpec
from agent.model.times import NS_PER_S
from agent.model.verdict import Grade
from agent.runtime.load_config import read_secret

CHILD_S = 8.5
_ASKING = (sys.executable, "-P", "-m", "agent.runtime.device_asking")
_S = 60


class Devices:
    """Each channel's device. All network cameras are asked at once, and once: in a run of the checks one that
    is off costs its time limit a single time."""

    def __init__(self, channels: Iterable[ChannelConfig]) -> None:
        self._channels = {channel.id: channel for channel in channels}
        self._cameras: Mapping[str, Json] | None = None
        self._lock = threading.Lock()

    def get(self, channel: str) -> DeviceSeen:
        """What the channel's device is by its profile."""
        source, profiles = self._channels[channel].source, load_profiles().profiles
        stream: str | None = None
        if isinstance(source, OnvifSource):
            facts, stream = self._camera(channel)
        elif isinstance(source, RtspSource):
            facts, stream = DeviceFacts(kind=Kind.RTSP), source.url
            if source.profile is not None:
                return _seen(declared(profiles, source.profile, facts), None, stream)
        elif isinstance(source, V4l2Source):
            if not Path(source.device).exists():
                raise Skip("no-answer", source.device)
            facts = video_node_facts(Path(source.device))
        else:
            raise Skip("not-configured")
        return _seen(match_device(profiles, facts), facts.firmware, stream)

    def _camera(self, channel: str) -> tuple[DeviceFacts, str]:
        with self._lock:
            if self._cameras is None:
                self._cameras = _ask(self._channels.values())
        answer = self._cameras.get(channel)
        if not isinstance(answer, dict) or "error" in answer:
            raise Skip("no-answer", "onvif")
        facts = DeviceFacts(
            kind=Kind.ONVIF,
            manufacturer=told(answer.get("manufacturer")),
            model=told(answer.get("model")),
            firmware=told(answer.get("firmware")),
        )
        return facts, str(answer.get("stream_url"))


def _ask(channels: Iterable[ChannelConfig]) -> Mapping[str, Json]:
    """What the cameras say, each channel's own. Skip `no-privilege`."""
    asked = [_question(one.id, one.source) for one in channels if isinstance(one.source, OnvifSource)]
    try:
        done = subprocess.run(
            _ASKING, input=json.dumps(asked).encode(), capture_output=True, timeout=CHILD_S, check=False
        )
        found = json.loads(done.stdout)
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return {}
    return found if isinstance(found, dict) else {}


def _question(channel: str, source: OnvifSource) -> dict[str, str | None]:
    try:
        password = read_secret(source.password_file) if source.password_file else None
    except AgentError:
        raise Skip("no-privilege") from None
    return {
        "channel": channel,
        "url": source.url,
        "username": source.username,
        "password": password,
        "profile": source.profile,
    }


def _seen(match: ProfileMatch, firmware: str | None, stream: str | None) -> DeviceSeen:
    doubts = tuple(
        FirmwareDoubt(
            below=one.status is FirmwareStatus.BELOW_FLOOR,
            version=one.version,
            required=one.required,
            advisories=one.cve,
            remedy=one.remedy,
        )
        for one in firmware_findings(match.profile, firmware)
    )
    return DeviceSeen(
        profile=match.profile.id,
        known=match.trust is not Trust.UNKNOWN_DEVICE,
        why=match.why,
        firmware=firmware,
        floors=bool(match.profile.floor),
        doubts=doubts,
        stream_url=stream,
    )


def knock(url: str, login: tuple[str, str] | None) -> str:
    """See `rtsp_door.knock`; the login is said as a digest (RFC 7616), never in clear."""
    if login is None:
        return rtsp_door.knock(url)

    def answer(challenges: list[str], method: str, target: str) -> str | None:
        challenge = strongest(challenges)
        if challenge is None:
            return None
        return authorization(
            challenge,
            username=login[0],
            password=login[1],
            method=method,
            target=target,
            cnonce=os.urandom(8).hex(),
        )

    return rtsp_door.knock(url, answer)


def enforces(spec: CollectionSpec) -> tuple[bool, bool]:
    """(size and rate of a made-up good minute conform, another size and half the rate are both caught)."""
    good = _minute(spec, spec.rate)
    wrong = replace(good, width=spec.width + 16)
    slow = _minute(spec, spec.rate / 2)
    grades = [
        {finding.rule: finding.grade for finding in judge(spec, one).findings} for one in (good, wrong, slow)
    ]
    passed = grades[0].get("size") is Grade.CONFORMING and grades[0].get("rate") is Grade.CONFORMING
    bad = Grade.NONCONFORMING
    return passed, grades[1].get("size") is bad and grades[2].get("rate") is bad


def _minute(spec: CollectionSpec, rate: Fraction) -> Observed:
    frames = round(rate * _S)
    taken = Measurement(
        frames=frames,
        bytes=frames * 1000,
        duration_ns=_S * NS_PER_S,
        rate=rate,
        arrival_rate=rate,
        bitrate_bps=frames * 8000 // _S,
        keyframes=_S,
        gop_max_ns=NS_PER_S,
        longest_gap_ns=round(NS_PER_S / rate),
        gaps=0,
        expected_frames=frames,
        duplicates=0,
        lost=0,
        jitter_p99_ns=0,
    )
    return Observed(
        width=spec.width, height=spec.height, codec=Codec.H264, has_audio_in_output=False, measurement=taken
    )
