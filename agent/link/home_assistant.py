"""The box for Home Assistant: one retained discovery message, read-only. Pure.

Guarantees: one device with sensors that point at the topics of docs/formats/mqtt-v1.md; no command topic,
no camera picture, nothing of a patient. Everything needs the box to be on line, except the sensor that says
whether it is. Source of the rules: home-assistant/core, `homeassistant/components/mqtt/schemas.py`
(`DEVICE_DISCOVERY_SCHEMA`), `discovery.py` (topic), `sensor.py`, `binary_sensor.py`; full names of the keys
are used, no abbreviations. Leaves out when it is published (the link, at each connection).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from agent.formats.mqtt_v1 import topic_of
from agent.model.outgoing import Json

# m/box comes every 30 s and is not retained: older than this, Home Assistant shows it as unavailable.
EXPIRE_AFTER_S = 120
GRADES: list[Json] = ["conforming", "degraded", "nonconforming"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FaceChannel:
    """A channel's id, and its name for people."""

    id: str
    name: str


def discovery(box: str, *, site: str, version: str, channels: Iterable[FaceChannel]) -> tuple[str, bytes]:
    """Topic and payload. The topic lies outside `edgeward/v1/`: the broker's ACL must allow it."""
    components = {name: each for channel in channels for name, each in _channel(box, channel)}
    device: dict[str, Json] = {
        "identifiers": [f"edgeward-{box}"],
        "name": box,
        "manufacturer": "edgeward",
        "model": "edge agent",
        "sw_version": version,
    }
    if site:
        device["suggested_area"] = site
    message: dict[str, Json] = {
        "device": device,
        "origin": {"name": "edgeward", "sw_version": version},
        "qos": 1,
        "components": {**dict(_box(box)), **components},
    }
    payload = json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()
    return f"homeassistant/device/{box}/config", payload


def _box(box: str) -> Iterator[tuple[str, Json]]:
    # Without availability of its own: else it would be "unavailable" where it should say "off".
    online = {
        "platform": "binary_sensor",
        "unique_id": f"edgeward-{box}-online",
        "name": "Online",
        "device_class": "connectivity",
        "state_topic": topic_of(box, "_", "status", "box"),
        "value_template": "{{ 'OFF' if value_json.status == 'offline' else 'ON' }}",
    }
    yield "online", dict(online)
    figures = topic_of(box, "_", "m", "box")
    yield (
        "free",
        _sensor(
            box,
            "free",
            "Free space",
            figures,
            "{{ value_json.free_bytes }}",
            device_class="data_size",
            unit_of_measurement="B",
            state_class="measurement",
            expire_after=EXPIRE_AFTER_S,
        ),
    )
    yield (
        "waiting",
        _sensor(
            box,
            "waiting",
            "Messages waiting",
            figures,
            "{{ value_json.outbox_rows }}",
            state_class="measurement",
            expire_after=EXPIRE_AFTER_S,
        ),
    )
    yield (
        "alarms",
        _sensor(
            box,
            "alarms",
            "Alarms",
            figures,
            "{{ value_json.alarms }}",
            state_class="measurement",
            expire_after=EXPIRE_AFTER_S,
        ),
    )
    # The second line of a checkpoint is the number of leaves (C2SP tlog-checkpoint).
    yield (
        "leaves",
        _sensor(
            box,
            "leaves",
            "Ledger leaves",
            topic_of(box, "_", "ckpt", "head"),
            "{{ value_json.note.splitlines()[1] }}",
            state_class="measurement",
        ),
    )


def _channel(box: str, channel: FaceChannel) -> Iterator[tuple[str, Json]]:
    state = topic_of(box, channel.id, "state", "channel")
    label = channel.name or channel.id

    def named(what: str) -> str:
        return f"{channel.id}-{what}"

    yield (
        named("signal"),
        _binary(
            box,
            named("signal"),
            f"{label} signal",
            state,
            # Neither word: rendered as None, which Home Assistant shows as unknown.
            "{{ {'present': 'ON', 'absent': 'OFF'}.get(value_json.signal) }}",
            "connectivity",
        ),
    )
    yield (
        named("recording"),
        _binary(
            box,
            named("recording"),
            f"{label} recording",
            state,
            "{{ 'ON' if value_json.recording else 'OFF' }}",
            "running",
        ),
    )
    yield (
        named("verdict"),
        _sensor(
            box,
            named("verdict"),
            f"{label} verdict",
            state,
            "{{ value_json.verdict }}",
            device_class="enum",
            options=GRADES,
        ),
    )
    yield (
        named("rate"),
        _sensor(
            box,
            named("rate"),
            f"{label} rate",
            state,
            "{{ (value_json.rate_num / value_json.rate_den) | round(3) if value_json.rate_num else None }}",
            device_class="frequency",
            unit_of_measurement="Hz",
            state_class="measurement",
        ),
    )


def _sensor(box: str, key: str, name: str, topic: str, template: str, **more: Json) -> dict[str, Json]:
    return {**_entity("sensor", box, key, name, topic, template), **more}


def _binary(box: str, key: str, name: str, topic: str, template: str, kind: str) -> dict[str, Json]:
    return {**_entity("binary_sensor", box, key, name, topic, template), "device_class": kind}


def _entity(platform: str, box: str, key: str, name: str, topic: str, template: str) -> dict[str, Json]:
    return {
        "platform": platform,
        "unique_id": f"edgeward-{box}-{key}",
        "name": name,
        "state_topic": topic,
        "value_template": template,
        "availability_topic": topic_of(box, "_", "status", "box"),
        "availability_template": "{{ 'offline' if value_json.status == 'offline' else 'online' }}",
    }
