"""The console's connection: the box's wire without a will, that also hears the envelope of a clear.

Guarantees and duties are those of `agent/link/wire.py`. A message is marked as retained only when the
broker gives it back because we subscribed, not when it is new and to be retained: the console must tell
these apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.subscribeoptions import SubscribeOptions

from agent.formats.mqtt_v1 import CLEAR_PROPERTY
from agent.link.wire import Inbound, LinkSettings
from agent.link.witness_wire import WitnessWire


@dataclass(frozen=True, slots=True)
class Heard(Inbound):
    """A message with the envelope that stands beside an empty payload."""

    envelope: str | None = None


class ConsoleWire(WitnessWire):
    """One connection; `settings.box` is the console's client id."""

    def __init__(self, settings: LinkSettings) -> None:
        super().__init__(settings)

    def subscribe(self, *topics: str) -> None:
        """As the box's, without Retain As Published."""
        self._client.subscribe([(topic, SubscribeOptions(qos=1)) for topic in topics])

    def _on_message(self, _c: Any, _u: Any, message: paho.MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = ""
        envelope = None
        if not message.payload:
            pairs = getattr(message.properties, "UserProperty", None) or []
            envelope = next((value for name, value in pairs if name == CLEAR_PROPERTY), None)
        self.events.append(Heard(topic, bytes(message.payload), bool(message.retain), envelope))
