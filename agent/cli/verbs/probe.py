"""`edgeward probe SOURCE`: what is plugged in, what it really delivers, and how that compares with a spec."""

from __future__ import annotations

import argparse
import json
import os
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from agent.capture.bitstream import picture_size
from agent.capture.conform import conformed
from agent.capture.conform_plan import UNCODED
from agent.capture.measure import Measurement, Meter
from agent.capture.watch import StreamWatch
from agent.cli.common import tell
from agent.cli.exits import Exit
from agent.cli.probe_report import Probed, render, to_json
from agent.device.drivers import open_source
from agent.device.identity import is_video_node, onvif_camera_facts, video_node_facts
from agent.device.profile_match import DeviceFacts, ProfileMatch, match_device
from agent.device.profiles import load_profiles
from agent.formats.profile_v1 import Kind
from agent.formats.spec_file_v1 import parse_spec
from agent.host.clock import SystemClock
from agent.model.errors import AgentError, Refuse
from agent.model.ports.source import Source
from agent.model.source_settings import (
    FileSettings,
    OnvifSettings,
    Pace,
    RtspSettings,
    SourceSettings,
    SyntheticSettings,
    V4l2Settings,
)
from agent.model.spec import CollectionSpec
from agent.model.times import NS_PER_S
from agent.model.verdict import Grade, Verdict
from agent.runtime.load_config import ConfigError, read_secret

EXAMPLE = "edgeward probe rtsp://192.0.2.10/cam --username admin --password-file cam.pw"
SYNTHETIC = "synthetic"
ONVIF = "onvif://"
GAP_LIMIT_NS = NS_PER_S


@dataclass(frozen=True, slots=True)
class Measured:
    """What came: size by the bitstream (0 when it can't be read), counts, the verdict when there is a spec,
    and why it ended too early."""

    width: int
    height: int
    measurement: Measurement
    verdict: Verdict | None
    ended: AgentError | None


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of this verb."""
    parser.add_argument(
        "source",
        metavar="SOURCE",
        help="an rtsp:// or onvif:// address (without password), a file, a /dev/video… node, "
        "or the word synthetic",
    )
    parser.add_argument("--seconds", type=_seconds, default=5.0, help="how long to measure (default 5)")
    parser.add_argument(
        "--spec", type=Path, metavar="FILE", help="judge by this spec: keys of [channel.spec]"
    )
    parser.add_argument("--username")
    parser.add_argument("--password-file", metavar="FILE", help="mode 0400; never on the command line")
    parser.add_argument("--json", action="store_true", help="machine-readable")


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 < value <= 3600:
        raise argparse.ArgumentTypeError("a time above 0 and at most 3600 seconds")
    return value


def run(arguments: argparse.Namespace) -> int:
    """Exit 0 when it conforms (or no spec was named), 1 when not, 2 when nothing could be measured.

    A source that goes away while it is measured does not conform.
    """
    spec = _spec(arguments.spec) if arguments.spec else None
    match = _match(arguments.source)
    try:
        probed = _probe(arguments, spec, match)
    except AgentError as error:
        if error.code.startswith("secret."):
            raise
        if match is not None and is_video_node(Path(arguments.source)) and not arguments.json:
            print(render(Probed(source=_shown(arguments.source), match=match)))
        tell(error)
        return Exit.INCOMPLETE
    print(json.dumps(to_json(probed), ensure_ascii=False) if arguments.json else render(probed))
    conforms = probed.verdict is None or probed.verdict.grade is Grade.CONFORMING
    return Exit.OK if conforms and probed.ended is None else Exit.FAILED


def _probe(arguments: argparse.Namespace, spec: CollectionSpec | None, match: ProfileMatch | None) -> Probed:
    settings = _settings(arguments, spec)
    source = open_source(settings, SystemClock())
    try:
        declared = source.facts
        if declared.device is not None and isinstance(settings, OnvifSettings):
            match = match_device(load_profiles().profiles, onvif_camera_facts(declared.device))
        measured = measure(_as_recorded(source, spec), round(arguments.seconds * NS_PER_S), spec)
    finally:
        source.close()
    if not measured.measurement.frames:
        raise Refuse("source.empty", "no picture came", "check that the source delivers video")
    return Probed(
        source=_shown(arguments.source),
        match=match,
        declared=declared,
        width=measured.width,
        height=measured.height,
        measurement=measured.measurement,
        verdict=measured.verdict,
        ended=measured.ended,
        note=None if spec is None else _too_short(spec, arguments.seconds),
    )


def _as_recorded(source: Source, spec: CollectionSpec | None) -> Source:
    """Raw pictures and JPEG are judged as they would be recorded: encoded. The rest is judged as it comes."""
    if spec is None or source.facts.codec not in UNCODED:
        return source
    return conformed(source, spec, SystemClock(), live=True)


def _spec(path: Path) -> CollectionSpec:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise ConfigError((f"{path}: this file can't be read",)) from None
    spec = parse_spec(text)
    if isinstance(spec, tuple):
        raise ConfigError(tuple(problem.render(str(path)) for problem in spec))
    return spec


def _match(source: str) -> ProfileMatch | None:
    """The profile of what `source` names; None for a file, which is no device."""
    profiles = load_profiles().profiles
    if "://" in source:
        kind = Kind.ONVIF if source.startswith(ONVIF) else Kind.RTSP
        return match_device(profiles, DeviceFacts(kind=kind))
    if is_video_node(Path(source)):
        return match_device(profiles, video_node_facts(Path(source)))
    if _is_synthetic(source):
        return match_device(profiles, DeviceFacts(kind=Kind.SYNTHETIC, driver="edgeward-synthetic"))
    return None


def _too_short(spec: CollectionSpec, seconds: float) -> str | None:
    """What a technician must know of a short measurement, or None."""
    limits = spec.picture
    allowed = max(
        limits.black_max_s or 0.0,
        limits.frozen_max_s or 0.0,
        limits.defocused_max_s or 0.0,
        limits.covered_max_s or 0.0,
        limits.no_signal_max_s or 0.0,
    )
    if seconds > allowed:
        return None
    return f"the spec allows faults of the picture for up to {allowed:g} s: measure longer to find them"


def _is_synthetic(source: str) -> bool:
    return source == SYNTHETIC and not Path(source).exists()


def _shown(source: str) -> str:
    """`source` for people; an address may hold a password by mistake."""
    return source if "@" not in source else "the address that was named"


def _settings(arguments: argparse.Namespace, spec: CollectionSpec | None) -> SourceSettings:
    source = arguments.source
    if "://" in source:
        password = None
        if arguments.password_file:
            password = read_secret(os.fspath(Path(arguments.password_file).absolute()))
        if source.startswith(ONVIF):  # compared with the spec, never written to
            url = "http://" + source.removeprefix(ONVIF)
            return OnvifSettings(
                url=url, username=arguments.username, password=password, configure=False, spec=spec
            )
        return RtspSettings(url=source, username=arguments.username, password=password)
    if _is_synthetic(source):
        return SyntheticSettings(width=1280, height=720, pace=Pace.FAST, seconds=arguments.seconds)
    if is_video_node(Path(source)):
        return V4l2Settings(device=str(Path(source).absolute()), spec=spec)
    return FileSettings(path=str(Path(source).absolute()), pace=Pace.FAST)


def measure(source: Source, wanted_ns: int, spec: CollectionSpec | None = None) -> Measured:
    """Takes packets for `wanted_ns` of media time, measures them, and judges them as one segment by `spec`.

    Raises what the source raises before the first picture; later it is told as `ended`.
    """
    declared = source.facts
    watch = None if spec is None else StreamWatch(spec)
    meter = Meter(declared.declared_rate or Fraction(25), GAP_LIMIT_NS)
    if watch is not None:
        watch.opened(declared)
        watch.segment_started()
    scale = declared.time_base * NS_PER_S
    size = first_size = picture_size(declared.codec, declared.extradata)
    first_ns: int | None = None
    ended: AgentError | None = None
    try:
        for captured in source.packets():
            dts_ns = int(captured.dts * scale)
            first_ns = dts_ns if first_ns is None else first_ns
            if dts_ns - first_ns >= wanted_ns:
                break
            came = picture_size(declared.codec, bytes(captured.packet)) if captured.is_key else None
            size = came or size
            meter.add(captured.arrived_ns, dts_ns, captured.is_key, captured.size)
            if watch is not None:
                watch.add(captured, dts_ns, came or first_size)
                first_size = None
    except AgentError as error:
        if first_ns is None:
            raise
        ended = error
    if size is not None:
        width, height = size.width, size.height
    else:
        width, height = (declared.width, declared.height) if declared.codec in UNCODED else (0, 0)
    measurement, verdict = (meter.snapshot(), None) if watch is None else watch.segment()
    return Measured(width, height, measurement, verdict, ended)
