"""A controller that listens to every box and remembers what came, in order.

Guarantees: it has subscribed when the constructor returns, and subscribes again by itself after each
loss; `ready` counts that. It keeps no session at the broker: what nobody listened to is gone.
"""

from __future__ import annotations

from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from agent.formats import mqtt_v1
from tests.fakes.brokers import BrokerProcess, wait_until


class Controller:
    """Listens to everything, in order. Comes back by itself when the broker does."""

    def __init__(self, broker: BrokerProcess, name: str = "controller") -> None:
        self.got: list[tuple[str, bytes, bool, str | None]] = []
        self.ready = 0
        client = paho.Client(CallbackAPIVersion.VERSION2, client_id=name, protocol=MQTTProtocolVersion.MQTTv5)
        client.reconnect_delay_set(1, 1)
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        self._client = client
        client.connect_async(broker.host, broker.port)
        client.loop_start()
        wait_until(lambda: self.ready, "the controller listens")

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def publish(self, topic: str, payload: bytes) -> None:
        """Returns when the broker has it."""
        self._client.publish(topic, payload, qos=1).wait_for_publish(20)

    def messages(self, part: str) -> list[dict[str, Any]]:
        return [mqtt_v1.decode(data) for topic, data, _, _ in list(self.got) if part in topic and data]

    def events(self) -> list[int]:
        return [each["number"] for each in self.messages("/e/segment")]

    def statuses(self) -> list[tuple[str, str | None]]:
        return [(each["status"], each["cause"]) for each in self.messages("/status/box")]

    def _on_connect(self, client: paho.Client, *_: object) -> None:
        client.subscribe("edgeward/v1/#", qos=1)

    def _on_subscribe(self, *_: object) -> None:
        self.ready += 1

    def _on_message(self, _c: object, _u: object, message: paho.MQTTMessage) -> None:
        pairs = dict(getattr(message.properties, "UserProperty", []))
        self.got.append(
            (message.topic, bytes(message.payload), message.retain, pairs.get(mqtt_v1.CLEAR_PROPERTY))
        )
