"""Drivers: one file per kind of source, listed below, imported when first used.

Guarantees: `open_source` returns an open source or raises `AgentError`; neither the error, what hangs on
it, nor anything FFmpeg prints holds a password. Leaves out when to try again (the channel decides).
"""

from __future__ import annotations

from importlib import import_module
from typing import Protocol, cast

from agent.model.ports.clock import Clock
from agent.model.ports.source import Source
from agent.model.source_settings import (
    FileSettings,
    OnvifSettings,
    RtspSettings,
    SourceSettings,
    SyntheticSettings,
    V4l2Settings,
)

# (settings class, kind, module). A module has `open_source(settings, clock)`.
DRIVERS: tuple[tuple[type[SourceSettings], str, str], ...] = (
    (RtspSettings, "rtsp", "agent.device.drivers.rtsp"),
    (OnvifSettings, "onvif", "agent.device.drivers.onvif"),
    (V4l2Settings, "v4l2", "agent.device.drivers.v4l2"),
    (FileSettings, "file", "agent.device.drivers.file"),
    (SyntheticSettings, "synthetic", "agent.device.drivers.synthetic"),
)


class _Driver(Protocol):
    def open_source(self, settings: SourceSettings, clock: Clock) -> Source: ...


def open_source(settings: SourceSettings, clock: Clock) -> Source:
    """Opens what `settings` names."""
    for settings_class, _kind, module in DRIVERS:
        if isinstance(settings, settings_class):
            return cast(_Driver, import_module(module)).open_source(settings, clock)
    raise RuntimeError(f"no driver for {type(settings).__name__}")
