"""The controller's eyes: an MQTT 5 subscriber that keeps the newest of what the box says.

Guarantees: it has subscribed when the constructor returns; every message goes through `mqtt_v1.decode`; a
number that comes twice counts once; `seen` is a consistent copy. paho has its own thread here; `wake` is
called from it after each message and must not block.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Condition
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from agent.formats import mqtt_v1
from agent.model.errors import Refuse

_CONNECT_S = 15.0
Body = Mapping[str, Any]


@dataclass(slots=True, kw_only=True)
class Seen:
    """What came so far. `statuses` are (status, cause) in their order; `malformed` did not decode."""

    messages: int = 0
    events: int = 0
    malformed: int = 0
    recordings: int = 0
    statuses: list[tuple[str, str | None]] = field(default_factory=list)
    channels: dict[str, Body] = field(default_factory=dict)
    alarms: dict[tuple[str, str], Body] = field(default_factory=dict)
    numbers: set[int] = field(default_factory=set)

    @property
    def ended_well(self) -> bool:
        """The box has said goodbye by itself."""
        return bool(self.statuses) and self.statuses[-1] == ("offline", "stopped")

    def take(self, topic: str, payload: bytes, envelope: str | None) -> None:
        """One message. `envelope` is the user property of a clear, whose payload is empty."""
        try:
            body = mqtt_v1.decode(payload or (envelope or "").encode())
            _, _, _, entity, kind, type_ = topic.split("/")
        except (Refuse, ValueError):
            self.malformed += 1
            return
        if (number := body["seq"]) is not None:
            if number in self.numbers:
                return
            self.numbers.add(number)
        self.messages += 1
        if kind == "status":
            self.statuses.append((str(body.get("status")), body.get("cause")))
        elif kind == "state":
            self.channels[entity] = body
        elif kind == "a" and payload:
            self.alarms[entity, type_] = body
        elif kind == "a":
            self.alarms.pop((entity, type_), None)
        elif kind == "e":
            self.events += 1
            self.recordings += type_ == "recording-opened"

    def copy(self) -> Seen:
        """A copy that does not change any more."""
        return Seen(
            messages=self.messages,
            events=self.events,
            malformed=self.malformed,
            recordings=self.recordings,
            statuses=list(self.statuses),
            channels=dict(self.channels),
            alarms=dict(self.alarms),
        )


class Watcher:
    """Listens to every box of one broker."""

    def __init__(self, host: str, port: int, wake: Callable[[], None]) -> None:
        self._seen = Seen()
        self._changed = Condition()
        self._subscribed = False
        self._wake = wake
        self._client = client = paho.Client(
            CallbackAPIVersion.VERSION2, client_id="demo-watcher", protocol=MQTTProtocolVersion.MQTTv5
        )
        client.reconnect_delay_set(1, 1)
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        client.connect_async(host, port)
        client.loop_start()
        if not self._wait(lambda: self._subscribed, _CONNECT_S):
            self.close()
            raise Refuse(
                "demo.no-watcher",
                "the watcher can't subscribe at the embedded broker",
                "look into broker.log in the demo's directory",
            )

    @property
    def seen(self) -> Seen:
        """What came so far."""
        with self._changed:
            return self._seen.copy()

    def wait_for(self, condition: Callable[[Seen], bool], timeout_s: float) -> bool:
        """True as soon as `condition` holds, False after `timeout_s`."""
        return self._wait(lambda: condition(self._seen), timeout_s)

    def close(self) -> None:
        """Ends the connection and the thread."""
        self._client.disconnect()
        self._client.loop_stop()

    def _wait(self, condition: Callable[[], bool], timeout_s: float) -> bool:
        with self._changed:
            return self._changed.wait_for(condition, timeout_s)

    def _on_connect(self, client: paho.Client, *_: object) -> None:
        client.subscribe("edgeward/v1/#", qos=1)

    def _on_subscribe(self, *_: object) -> None:
        with self._changed:
            self._subscribed = True
            self._changed.notify_all()

    def _on_message(self, _client: object, _data: object, message: paho.MQTTMessage) -> None:
        properties = dict(getattr(message.properties, "UserProperty", []))
        envelope = properties.get(mqtt_v1.CLEAR_PROPERTY)
        with self._changed:
            self._seen.take(message.topic, bytes(message.payload), envelope)
            self._changed.notify_all()
        self._wake()
