"""`edgeward probe SOURCE`: what a source really delivers."""

from __future__ import annotations

import argparse
import json
import os
from fractions import Fraction
from pathlib import Path

from agent.capture.bitstream import picture_size
from agent.capture.measure import Meter
from agent.cli.exits import Exit
from agent.device.drivers import open_source
from agent.host.clock import SystemClock
from agent.model.outgoing import Json
from agent.model.ports.source import Source
from agent.model.source_settings import FileSettings, Pace, RtspSettings, SourceSettings
from agent.model.times import NS_PER_S
from agent.runtime.load_config import read_secret

EXAMPLE = "edgeward probe rtsp://192.0.2.10/cam --username admin --password-file cam.pw"
GAP_LIMIT_NS = NS_PER_S


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of this verb."""
    parser.add_argument("source", metavar="SOURCE", help="an rtsp:// address (without password) or a file")
    parser.add_argument("--seconds", type=_seconds, default=5.0, help="how long to measure (default 5)")
    parser.add_argument("--username")
    parser.add_argument("--password-file", metavar="FILE", help="mode 0400; never on the command line")
    parser.add_argument("--json", action="store_true", help="machine-readable")


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 < value <= 3600:
        raise argparse.ArgumentTypeError("a time above 0 and at most 3600 seconds")
    return value


def run(arguments: argparse.Namespace) -> int:
    """Exit 0 when pictures came, 1 when the source is refused, 69 when it can't be reached."""
    clock = SystemClock()
    source = open_source(_settings(arguments), clock)
    try:
        facts = measure(source, round(arguments.seconds * NS_PER_S))
    finally:
        source.close()
    if arguments.json:
        print(json.dumps(facts))
    else:
        for name, value in facts.items():
            print(f"{name:>20}: {'unknown' if value is None else value}")
    return Exit.OK


def _settings(arguments: argparse.Namespace) -> SourceSettings:
    if "://" in arguments.source:
        password = None
        if arguments.password_file:
            password = read_secret(os.fspath(Path(arguments.password_file).absolute()))
        return RtspSettings(url=arguments.source, username=arguments.username, password=password)
    return FileSettings(path=str(Path(arguments.source).absolute()), pace=Pace.FAST)


def measure(source: Source, wanted_ns: int) -> dict[str, Json]:
    """Takes packets for `wanted_ns` of media time and measures them."""
    declared = source.facts
    meter = Meter(declared.declared_rate or Fraction(25), GAP_LIMIT_NS)
    scale = declared.time_base * NS_PER_S
    size = picture_size(declared.codec, declared.extradata)
    first_ns: int | None = None
    for captured in source.packets():
        dts_ns = int(captured.dts * scale)
        first_ns = dts_ns if first_ns is None else first_ns
        if captured.is_key:
            size = picture_size(declared.codec, bytes(captured.packet)) or size
        meter.add(captured.arrived_ns, dts_ns, captured.is_key, captured.size)
        if dts_ns - first_ns >= wanted_ns:
            break
    found = meter.snapshot()
    return {
        "codec": declared.codec.value,
        "width": size.width if size else None,
        "height": size.height if size else None,
        "declared_size": f"{declared.width}x{declared.height}",
        "rate_hz": round(float(found.rate), 3) if found.rate else None,
        "declared_rate_hz": round(float(declared.declared_rate), 3) if declared.declared_rate else None,
        "bitrate_bps": found.bitrate_bps,
        "gop_max_s": round(found.gop_max_ns / NS_PER_S, 3),
        "longest_gap_s": round(found.longest_gap_ns / NS_PER_S, 3),
        "frames": found.frames,
        "duplicates": found.duplicates,
        "audio": declared.has_audio,
    }
