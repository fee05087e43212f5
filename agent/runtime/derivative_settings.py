"""What the process of a derivative needs to know: one JSON datagram in RAM, as for a channel's process.

Guarantees: no address and no password of the original's source is in it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from agent.model.source_settings import FileSettings
from agent.runtime.channel_settings import ChannelSettings, decode_settings, encode_settings

# A recorder asks nothing of its settings' source; the derivative's pictures come from the hand-over.
NO_SOURCE = FileSettings(path="")


@dataclass(frozen=True, slots=True, kw_only=True)
class DerivativeSettings:
    """`channel` is the derivative's, with `NO_SOURCE`; `models` the folder of the models."""

    channel: ChannelSettings
    policy: str
    policy_sha256: str
    models: str


def encode_derivative(settings: DerivativeSettings) -> bytes:
    """One datagram."""
    return json.dumps(
        {
            "channel": encode_settings(settings.channel).decode(),
            "policy": settings.policy,
            "policy_sha256": settings.policy_sha256,
            "models": settings.models,
        }
    ).encode()


def decode_derivative(data: bytes) -> DerivativeSettings:
    """What `encode_derivative` made; anything else is a programming error."""
    raw = json.loads(data)
    return DerivativeSettings(
        channel=decode_settings(raw["channel"].encode()),
        policy=raw["policy"],
        policy_sha256=raw["policy_sha256"],
        models=raw["models"],
    )
