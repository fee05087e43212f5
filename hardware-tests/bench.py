"""The bench that tests run on: reads `bench.toml`, and opens its devices as the agent does.

Guarantees: an unknown key or kind is an error that names it, since a misspelt fault would be a test that
never ran. Passwords are named by file, as in `agent.toml`. README.md explains every key.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, fields
from fractions import Fraction
from pathlib import Path
from typing import Any

from agent.device.drivers import open_source
from agent.host.clock import SystemClock
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
from agent.runtime.load_config import read_secret

BY_HAND = "by-hand"


class BenchError(Exception):
    """What is wrong in `bench.toml`."""


@dataclass(frozen=True, slots=True)
class Mode:
    """A size in pixels and a rate in pictures per second, written `1280x720@25`."""

    width: int
    height: int
    rate: Fraction

    def __str__(self) -> str:
        return f"{self.width}x{self.height}@{self.rate}"

    def spec(self) -> CollectionSpec:
        return CollectionSpec(width=self.width, height=self.height, rate=self.rate)


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """One device on the bench. `source` is its table `[channel.source]`."""

    name: str
    source: dict[str, Any]
    modes: tuple[Mode, ...]
    record: Mode | None = None
    impossible: Mode | None = None
    model: str | None = None
    rate_percent: float = 1.0
    lost_percent: float = 0.1
    seconds: float = 10.0
    notice_s: float = 2.5
    signal_off: tuple[str, ...] | str | None = None
    signal_on: tuple[str, ...] | str | None = None
    out_of_range: tuple[str, ...] | str | None = None
    unplug: tuple[str, ...] | str | None = None
    plug: tuple[str, ...] | str | None = None

    @property
    def kind(self) -> str:
        return str(self.source["kind"])

    def settings(self, mode: Mode | None) -> SourceSettings:
        """What the driver is given; without a mode the device is taken as it is."""
        source, spec = self.source, None if mode is None else mode.spec()
        password = read_secret(source["password_file"]) if "password_file" in source else None
        match self.kind:
            case "v4l2":
                return V4l2Settings(device=source["device"], input=source.get("input"), spec=spec)
            case "rtsp":
                return RtspSettings(url=source["url"], username=source.get("username"), password=password)
            case "onvif":
                return OnvifSettings(
                    url=source["url"],
                    username=source.get("username"),
                    password=password,
                    profile=source.get("profile"),
                    spec=spec,
                )
            case "file":
                return FileSettings(path=source["path"], pace=Pace.REAL_TIME, loop=True)
            case "synthetic":
                chosen = mode or self.modes[0]
                return SyntheticSettings(width=chosen.width, height=chosen.height, rate=chosen.rate)
            case unknown:
                raise BenchError(f"{self.name}: there is no kind {unknown!r}")

    def open(self, mode: Mode | None) -> Source:
        """Raises `AgentError`."""
        return open_source(self.settings(mode), SystemClock())


@dataclass(frozen=True, slots=True)
class Bench:
    """Everything in `bench.toml`. `program` is the installed `edgeward`."""

    program: str
    devices: tuple[Device, ...]


def read_bench(path: Path) -> Bench:
    """Raises `BenchError`."""
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise BenchError(f"{path} can't be read: {error}") from None
    if unknown := set(raw) - {"program", "device"}:
        raise BenchError(f"{path}: unknown keys {sorted(unknown)}")
    devices = tuple(_device(table) for table in raw.get("device", []))
    if not devices or len({device.name for device in devices}) != len(devices):
        raise BenchError(f"{path}: name at least one [[device]], each with a name of its own")
    return Bench(raw.get("program", "edgeward"), devices)


def _device(table: dict[str, Any]) -> Device:
    known = {field.name for field in fields(Device)}
    name = table.get("name", "a device without a name")
    if unknown := set(table) - known:
        raise BenchError(f"{name}: unknown keys {sorted(unknown)}; known are {sorted(known)}")
    if "kind" not in table.get("source", {}) or not table.get("modes"):
        raise BenchError(f'{name}: source = {{ kind = … }} and modes = ["1280x720@25"] are needed')
    values = dict(table)
    values["modes"] = tuple(_mode(text) for text in table["modes"])
    for key in ("record", "impossible"):
        values[key] = _mode(table[key]) if key in table else None
    for key in ("signal_off", "signal_on", "out_of_range", "unplug", "plug"):
        values[key] = _command(name, key, table.get(key))
    return Device(**values)


def _mode(text: str) -> Mode:
    size, _, rate = text.partition("@")
    width, _, height = size.partition("x")
    try:
        return Mode(int(width), int(height), Fraction(rate))
    except (ValueError, ZeroDivisionError):
        raise BenchError(f"{text!r} is no mode: write it as 1280x720@25") from None


def _command(name: str, key: str, value: object) -> tuple[str, ...] | str | None:
    if value is None or value == BY_HAND:
        return None if value is None else BY_HAND
    if isinstance(value, list) and value and all(isinstance(word, str) for word in value):
        return tuple(value)
    raise BenchError(f'{name}: {key} is a list of words (a command), or "{BY_HAND}"')
