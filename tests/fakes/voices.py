"""What boxes say, without boxes: messages of the MQTT contract with numbers that rise.

Guarantees: a message is as the contract says unless `changes` make it bad.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from agent.formats.mqtt_v1 import CLEAR_PROPERTY
from tests.fakes.brokers import BrokerProcess, wait_until

NONCE = "0" * 32
BIRTH: dict[str, Any] = {
    "site": "Ward 3",
    "channels": [{"id": "ch0", "name": "Microscope", "source": "v4l2", "category": "surgery", "level": 4,
                  "width": 1920, "height": 1080, "rate": "25"}],
    "versions": {"agent": "0.1.0"},
    "cmd_nonce": NONCE,
    "commands": {"v": 1, "types": ["identify"]},
}  # fmt: skip
ONLINE: dict[str, Any] = {"status": "online", "cause": None}
M_CHANNEL: dict[str, Any] = {
    "rate_num": 25, "rate_den": 1, "bitrate_bps": 4_000_000, "frames": 125, "lost": 0, "duplicates": 0,
    "jitter_p99_ms": 3, "durable_age_ms": 420,
}  # fmt: skip
M_BOX: dict[str, Any] = {
    "cpu_s": 0.4, "rss_bytes": 1, "free_bytes": 2, "outbox_rows": 0, "outbox_failures": 0, "alarms": 1,
}  # fmt: skip
STATE: dict[str, Any] = {
    "signal": "present", "recording": None, "width": 1920, "height": 1080, "rate_num": 25, "rate_den": 1,
    "codec": "h264", "verdict": "conforming", "segments": 3, "bytes": 9, "restarts": 0,
}  # fmt: skip


def alarm(code: str = "source.lost", entity: str = "ch0", **changes: Any) -> dict[str, Any]:
    """The body of an alarm."""
    return {
        "entity": entity, "code": code, "severity": "critical", "since": "2026-11-24T00:00:00.000000Z",
        "text": "no signal", "remedy": "check the cable", **changes,
    }  # fmt: skip


@dataclass(slots=True)
class Voice:
    """One box. `seq` is the number of its last message."""

    box: str = "or-3"
    seq: int = 0
    session: int = 1
    boot: str = "boot-a"

    def envelope(self, **changes: Any) -> dict[str, Any]:
        """The next message's."""
        self.seq += 1
        return {
            "v": 1, "box": self.box, "boot": self.boot, "session": self.session, "seq": self.seq,
            "ts": "2026-11-24T00:00:00.123456Z", "mono_ms": 5000 + self.seq, "clk": "synced", **changes,
        }  # fmt: skip

    def says(self, place: str, body: dict[str, Any], **changes: Any) -> tuple[str, bytes]:
        """Topic and payload; `place` is `entity/kind/type`."""
        whole = {**self.envelope(**changes), **body}
        return f"edgeward/v1/{self.box}/{place}", json.dumps(whole).encode()

    def clears(self, place: str) -> tuple[str, str]:
        """Topic and the envelope that stands beside the empty payload."""
        return f"edgeward/v1/{self.box}/{place}", json.dumps(self.envelope())


class Mouth:
    """Voices over a broker."""

    def __init__(self, broker: BrokerProcess, name: str = "mouth") -> None:
        self._client = client = paho.Client(
            CallbackAPIVersion.VERSION2, client_id=name, protocol=MQTTProtocolVersion.MQTTv5
        )
        client.max_queued_messages_set(0)
        client.max_inflight_messages_set(500)
        client.connect(broker.host, broker.port)
        client.loop_start()
        wait_until(client.is_connected, "the mouth is connected")

    def say(self, said: tuple[str, bytes], *, retain: bool = False) -> None:
        """Returns when the broker has it."""
        self.begin(said, retain=retain).wait_for_publish(20)

    def begin(self, said: tuple[str, bytes], *, retain: bool = False) -> Any:
        """Returns at once."""
        return self._client.publish(said[0], said[1], 1, retain)

    def clear(self, said: tuple[str, str]) -> None:
        """An empty retained message with its envelope."""
        properties: Any = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]  # paho
        properties.UserProperty = (CLEAR_PROPERTY, said[1])
        self._client.publish(said[0], b"", 1, True, properties=properties).wait_for_publish(20)

    def introduce(self, voice: Voice) -> None:
        """Birth and status, as at each connection."""
        self.say(voice.says("_/birth/box", BIRTH), retain=True)
        self.say(voice.says("_/status/box", ONLINE), retain=True)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()
