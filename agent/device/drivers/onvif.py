"""Network cameras with ONVIF: identified and set to the spec at every open, then read by the RTSP driver.

Guarantees: an open returns within some thirteen seconds, sooner than a silent channel is given up (15 s);
what the camera told is in the facts (`StreamFacts.device`); the password goes to the configured host only.
The rest is as `rtsp.py` says: the source that is returned is that driver's own.
"""

from __future__ import annotations

import os

from agent.device.drivers.rtsp import OPENING_S, RtspSource
from agent.device.onvif_client import prepare
from agent.model.ports.clock import Clock
from agent.model.source_settings import OnvifSettings, RtspSettings
from agent.model.times import NS_PER_S

_WHOLE_OPEN_S = 13.0
_SHORTEST_S = 2.0


def open_source(settings: OnvifSettings, clock: Clock) -> RtspSource:
    """Raises `Retry` and `Refuse` with code `source.…`; nothing is left open then."""
    started_ns = clock.mono_ns()
    prepared = prepare(settings, clock, os.urandom)
    stream = RtspSettings(url=prepared.stream_url, username=settings.username, password=settings.password)
    left_s = _WHOLE_OPEN_S - (clock.mono_ns() - started_ns) / NS_PER_S
    opening_s = min(OPENING_S, max(_SHORTEST_S, left_s / 2))  # it ends after twice as long
    return RtspSource(stream, clock, device=prepared.report, opening_s=opening_s)
