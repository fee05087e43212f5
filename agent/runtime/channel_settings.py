"""What a channel process needs to know, and how it gets there: one JSON datagram in RAM.

Guarantees: passwords travel only here, between two processes of one box, and are hidden from `repr`.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import Any

from agent.model.source_settings import (
    Fault,
    FaultKind,
    FileSettings,
    OnvifSettings,
    Pace,
    RtspSettings,
    SourceSettings,
    SyntheticSettings,
    Transport,
    V4l2Settings,
)
from agent.model.spec import (
    AudioRule,
    Codec,
    CollectionSpec,
    ColourRange,
    OnNonconforming,
    PictureLimits,
    Region,
    Scan,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelSettings:
    """Frozen for the life of a channel process."""

    channel: str
    level: int
    category: str
    purpose: str
    source: SourceSettings
    spec: CollectionSpec
    segment_ns: int
    keep_free_bytes: int


_KINDS: dict[str, type[SourceSettings]] = {
    "rtsp": RtspSettings,
    "onvif": OnvifSettings,
    "v4l2": V4l2Settings,
    "file": FileSettings,
    "synthetic": SyntheticSettings,
}


def encode_settings(settings: ChannelSettings) -> bytes:
    """One datagram."""
    kind = next(name for name, cls in _KINDS.items() if isinstance(settings.source, cls))
    return json.dumps({"kind": kind, **asdict(settings)}, default=str, separators=(",", ":")).encode()


def decode_settings(data: bytes) -> ChannelSettings:
    """What `encode_settings` made; anything else is a programming error."""
    raw: dict[str, Any] = json.loads(data)
    kind = _KINDS[raw.pop("kind")]
    source: dict[str, Any] = raw.pop("source")
    if kind is SyntheticSettings:
        source["rate"] = Fraction(source["rate"])
        source["script"] = tuple(
            Fault(**{**fault, "kind": FaultKind(fault["kind"])}) for fault in source["script"]
        )
    if "pace" in source:
        source["pace"] = Pace(source["pace"])
    if "transport" in source:
        source["transport"] = Transport(source["transport"])
    if source.get("spec") is not None:
        source["spec"] = _decode_spec(source["spec"])
    spec = _decode_spec(raw.pop("spec"))
    return ChannelSettings(source=kind(**source), spec=spec, **raw)


def _decode_spec(spec: dict[str, Any]) -> CollectionSpec:
    for name in ("rate", "rate_tolerance", "pixel_aspect", "lost_max", "duplicate_max"):
        spec[name] = None if spec[name] is None else Fraction(spec[name])
    spec["scan"] = None if spec["scan"] is None else Scan(spec["scan"])
    spec["colour_range"] = None if spec["colour_range"] is None else ColourRange(spec["colour_range"])
    spec["profiles"] = None if spec["profiles"] is None else tuple(spec["profiles"])
    if spec["region"] is not None:
        spec["region"] = Region(**{side: Fraction(share) for side, share in spec["region"].items()})
    spec["picture"] = PictureLimits(**spec["picture"])
    spec["codecs"] = tuple(Codec(name) for name in spec["codecs"])
    spec["audio"] = AudioRule(spec["audio"])
    spec["on_nonconforming"] = OnNonconforming(spec["on_nonconforming"])
    return CollectionSpec(**spec)
