"""The message for Home Assistant, held against Home Assistant's own rules of discovery.

The rules are written down here from home-assistant/core, each with its file; the program itself is not a
test dependency (it is some hundred packages).
"""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from agent.formats import mqtt_v1
from agent.link.home_assistant import FaceChannel, discovery
from tests.fakes.message_schemas import SCHEMAS, schema_of

BOX = "ward-3-box-1"
CHANNELS = [FaceChannel(id="ch0", name="Endoscopy room 1"), FaceChannel(id="ch-left", name="")]

# homeassistant/components/mqtt/discovery.py, TOPIC_MATCHER, behind the prefix `homeassistant/`.
TOPIC = re.compile(r"homeassistant/(?P<component>\w+)/(?:([a-zA-Z0-9_-]+)/)?([a-zA-Z0-9_-]+)/config")
# schemas.py, DEVICE_DISCOVERY_SCHEMA with MQTT_AVAILABILITY_SCHEMA.
MESSAGE_REQUIRED = {"device", "components", "origin"}
MESSAGE_KNOWN = MESSAGE_REQUIRED | {"state_topic", "command_topic", "qos", "encoding"}
# schemas.py, MQTT_ENTITY_DEVICE_INFO_SCHEMA; one of the first two must be there.
DEVICE_KNOWN = {
    "identifiers", "connections", "manufacturer", "model", "model_id", "name", "hw_version", "serial_number",
    "sw_version", "via_device", "suggested_area", "configuration_url",
}  # fmt: skip
# schemas.py, MQTT_ORIGIN_INFO_SCHEMA: name is required.
ORIGIN_KNOWN = {"name", "sw_version", "support_url"}
# schemas.py, COMPONENT_CONFIG_SCHEMA, and "Also required is a unique_id for entity-based components".
COMPONENT_REQUIRED = {"platform", "unique_id"}
ENTITY_KNOWN = {
    *COMPONENT_REQUIRED, "name", "state_topic", "value_template", "device_class", "expire_after",
    "availability_topic", "availability_template", "entity_category",
}  # fmt: skip
# sensor.py, config.py (MQTT_RO_SCHEMA: state_topic is required) and binary_sensor.py.
PLATFORM_KNOWN = {
    "sensor": ENTITY_KNOWN | {"unit_of_measurement", "state_class", "options", "suggested_display_precision"},
    "binary_sensor": ENTITY_KNOWN | {"payload_on", "payload_off", "off_delay"},
}
# components/sensor/const.py, DEVICE_CLASS_UNITS, and components/binary_sensor/__init__.py: those in use.
SENSOR_UNITS: dict[str | None, set[str | None]] = {
    "data_size": {"B"},
    "frequency": {"Hz"},
    "enum": {None},
    None: {None},
}
BINARY_CLASSES = {"connectivity", "running"}


@pytest.fixture
def message() -> dict[str, Any]:
    _, payload = discovery(BOX, site="Building 2, ward 3", version="1.0", channels=CHANNELS)
    found: dict[str, Any] = json.loads(payload)
    return found


def test_the_topic_is_one_of_discovery() -> None:
    topic, _ = discovery(BOX, site="", version="1.0", channels=CHANNELS)
    match = TOPIC.fullmatch(topic)
    assert match is not None
    assert match["component"] == "device"
    assert topic == f"homeassistant/device/{BOX}/config"


def test_the_message_has_what_discovery_wants_and_nothing_unknown(message: dict[str, Any]) -> None:
    assert message.keys() >= MESSAGE_REQUIRED
    assert message.keys() <= MESSAGE_KNOWN
    assert message["qos"] in (0, 1, 2)
    device = message["device"]
    assert device.keys() <= DEVICE_KNOWN
    assert device["identifiers"]
    assert all(isinstance(each, str) for each in (*device["identifiers"], device["name"]))
    assert message["origin"].keys() <= ORIGIN_KNOWN
    assert message["origin"]["name"]


def test_every_component_is_as_its_platform_wants(message: dict[str, Any]) -> None:
    components = message["components"]
    unique = [each["unique_id"] for each in components.values()]
    assert len(set(unique)) == len(unique) == 5 + 4 * len(CHANNELS)
    for each in components.values():
        platform = each["platform"]
        assert each.keys() >= COMPONENT_REQUIRED | {"state_topic"}
        assert each.keys() <= PLATFORM_KNOWN[platform]
        if platform == "binary_sensor":
            assert each["device_class"] in BINARY_CLASSES
            continue
        # sensor.py, validate_sensor_state_and_device_class_config.
        assert each.get("unit_of_measurement") in SENSOR_UNITS[each.get("device_class")]
        assert ("options" in each) == (each.get("device_class") == "enum")
        assert not ("options" in each and ("state_class" in each or "unit_of_measurement" in each))


def test_every_value_is_a_field_of_the_contract(message: dict[str, Any]) -> None:
    for each in message["components"].values():
        for topic_key, template_key in (
            ("state_topic", "value_template"),
            ("availability_topic", "availability_template"),
        ):
            if topic_key not in each:
                continue
            schema = json.loads((SCHEMAS / f"{schema_of(each[topic_key])}.schema.json").read_text())
            used = set(re.findall(r"value_json\.(\w+)", each[template_key]))
            assert used
            assert used <= set(schema["required"]), each["unique_id"]


def test_the_words_of_the_verdict_are_those_of_the_contract(message: dict[str, Any]) -> None:
    schema = json.loads((SCHEMAS / "state-channel.schema.json").read_text())
    known = [word for word in schema["properties"]["verdict"]["enum"] if word is not None]
    assert message["components"]["ch0-verdict"]["options"] == known


def test_only_whether_it_is_on_line_is_known_when_it_is_not(message: dict[str, Any]) -> None:
    without = [name for name, each in message["components"].items() if "availability_topic" not in each]
    assert without == ["online"]


def test_it_commands_nothing_and_reads_only_this_box(message: dict[str, Any]) -> None:
    text = json.dumps(message)
    assert "command" not in text
    topics = set(re.findall(r'"(\w+/v1/[^"]*)"', text))
    assert topics
    for topic in topics:
        assert topic.startswith(f"edgeward/v1/{BOX}/")
        assert not {"+", "#"} & set(topic)


def test_the_largest_box_fits_into_a_message() -> None:
    channels = [FaceChannel(id=f"channel-{number:08}", name="界" * 100) for number in range(64)]
    _, payload = discovery("b" * 63, site="界" * 100, version="1.0", channels=channels)
    assert len(payload) < mqtt_v1.MAX_BYTES


def test_a_site_is_told_only_when_there_is_one() -> None:
    _, payload = discovery(BOX, site="", version="1.0", channels=[])
    assert "suggested_area" not in json.loads(payload)["device"]
