"""Writes docs/formats/mqtt-v1/asyncapi.json: the MQTT contract as an AsyncAPI 3.0 document.

    python tests/tools/asyncapi.py

Guarantees: made of the JSON Schemas beside it and of `CHANNELS` alone, the same bytes every time; a schema
that no channel uses is an error. docs/formats/mqtt-v1.md leads: a topic is written there first, then a line
is added here. Seen from the box: `send` is what it says, `receive` what it is told.
"""

from __future__ import annotations

import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FORMATS = Path(__file__).resolve().parents[2] / "docs/formats/mqtt-v1"
DOCUMENT = FORMATS / "asyncapi.json"
PREFIX = "edgeward/v1/{box}/"
BINDING_VERSION = "0.2.0"


@dataclass(frozen=True, slots=True)
class Said:
    """What the box says: topic below `edgeward/v1/{box}/`, schema, retained or not, class of the outbox."""

    topic: str
    schema: str
    retained: bool
    priority: str
    can_be_cleared: bool = False


CHANNELS = (
    Said("_/birth/box", "birth", True, "critical"),
    Said("_/status/box", "status", True, "critical"),
    Said("_/e/data_loss", "e-data_loss", False, "critical"),
    Said("{entity}/a/{code}", "a", True, "alarm", can_be_cleared=True),
    Said("{channel}/e/segment", "e-segment", False, "event"),
    Said("{channel}/e/gap", "e-gap", False, "event"),
    Said("{channel}/e/refused", "e-refused", False, "event"),
    Said("{channel}/e/recording-opened", "e-recording-opened", False, "event"),
    Said("{channel}/e/recording-closed", "e-recording-closed", False, "event"),
    Said("_/e/boot", "e-boot", False, "event"),
    Said("_/e/shutdown", "e-shutdown", False, "event"),
    Said("_/e/configuration", "e-configuration", False, "event"),
    Said("_/res/{type}/{cmd_id}", "res", False, "critical"),
    Said("_/e/command-denied", "e-command-denied", False, "event"),
    Said("_/e/hold-set", "e-hold-set", False, "event"),
    Said("_/e/hold-cleared", "e-hold-cleared", False, "event"),
    Said("_/e/retention-due", "e-retention-due", False, "event"),
    Said("_/e/evicted", "e-evicted", False, "event"),
    Said("_/e/destroy-requested", "e-destroy-requested", False, "event"),
    Said("_/e/destroy-approved", "e-destroy-approved", False, "event"),
    Said("_/e/destroy-executed", "e-destroy-executed", False, "event"),
    Said("_/e/destroy-certified", "e-destroy-certified", False, "event"),
    Said("_/state/retention", "state-retention", True, "state"),
    Said("_/e/clock-step", "e-clock-step", False, "event"),
    Said("_/e/quarantine", "e-quarantine", False, "event"),
    Said("_/ckpt/head", "ckpt-head", True, "state"),
    Said("_/state/ledger", "state-ledger", True, "state"),
    Said("_/twin/software", "twin-software", True, "state"),
    Said("_/twin/hardware", "twin-hardware", True, "state"),
    Said("_/twin/keys", "twin-keys", True, "state"),
    Said("{channel}/twin/spec", "twin-spec", True, "state"),
    Said("{channel}/twin/device", "twin-device", True, "state"),
    Said("_/report/week", "report-week", True, "state"),
    Said("{channel}/state/channel", "state-channel", True, "state"),
    Said("_/check/last", "check", True, "state"),
    Said("_/check/{run}", "check", False, "event"),
    Said("{channel}/m/channel", "m-channel", False, "measurement"),
    Said("_/m/box", "m-box", False, "measurement"),
)
# What the box is told: address, message, and what becomes of it.
HEARD = (
    (
        f"{PREFIX}_/cmd/{{type}}/{{cmd_id}}",
        "command",
        "Acknowledged when it came, answered on …/_/res/{type}/{cmd_id}; see commands-v1.md.",
    ),
    (f"{PREFIX}_/cosign/head", "cosign", "A witness's answer to …/_/ckpt/head; see witness-v1.md."),
    ("edgeward/v1/ctl/rebirth", "rebirth", "To all boxes: births again, spread over the window."),
)
REBIRTH: dict[str, Any] = {
    "type": "object",
    "required": ["v", "window_s"],
    "properties": {"v": {"const": 1}, "window_s": {"type": "integer", "minimum": 0, "maximum": 600}},
}
COSIGN: dict[str, Any] = {
    "type": "object",
    "required": ["v", "witness", "note", "code", "size"],
    "properties": {
        "v": {"const": 1},
        "witness": {"type": "string", "description": "name of the witness's key"},
        "note": {"type": ["string", "null"], "description": "the head with both signatures; or null"},
        "code": {"type": ["string", "null"], "description": "why there is no note; not signed"},
        "size": {
            "type": ["integer", "null"],
            "minimum": 0,
            "description": "leaves that the witness has seen",
        },
    },
}
PARAMETERS = {
    "box": "box id, which is also the MQTT client id",
    "entity": "`_` for the box, else a channel such as `ch0`",
    "channel": "a channel such as `ch0`",
    "code": "code of the alarm, its dot written as a hyphen",
    "type": "what is commanded, its dot written as a hyphen",
    "cmd_id": "id of the command, a version 7 UUID",
    "run": "id of the command that asked for the checks, a version 7 UUID",
}


def document() -> dict[str, Any]:
    """The whole document."""
    schemas = {
        path.name.removesuffix(".schema.json"): _schema(path)
        for path in sorted(FORMATS.glob("*.schema.json"))
    }
    unused = set(schemas) - {said.schema for said in CHANNELS} - {"envelope"}
    if unused:
        raise SystemExit(f"no channel in {Path(__file__).name} uses {sorted(unused)}: add its topic")
    channels = {_name(said.topic): _said_channel(said, schemas[said.schema]) for said in CHANNELS}
    channels |= {name: _channel(address, {name: _message(name)}) for address, name, _ in HEARD}
    operations = {f"say-{_name(said.topic)}": _operation(said) for said in CHANNELS}
    operations |= {f"hear-{name}": _hearing(name, text) for _, name, text in HEARD}
    return {
        "asyncapi": "3.0.0",
        "id": "urn:edgeward:mqtt:v1",
        "info": {
            "title": "edgeward, a box and its controller over MQTT",
            "version": "1.0.0",
            "description": "Generated by tests/tools/asyncapi.py. The words are in docs/formats/mqtt-v1.md.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {"broker": _server()},
        "channels": channels,
        "operations": operations,
        "components": {
            "schemas": schemas,
            "messages": _messages(schemas),
            "parameters": {name: {"description": text} for name, text in PARAMETERS.items()},
            "securitySchemes": {
                "certificate": {
                    "type": "X509",
                    "description": "The common name of the box's certificate is its box id (docs/broker.md).",
                }
            },
        },
    }


def render() -> str:
    """The document as it lies in the repository."""
    return json.dumps(document(), indent=2, ensure_ascii=False) + "\n"


def _server() -> dict[str, Any]:
    return {
        "host": "broker.example:8883",
        "protocol": "secure-mqtt",
        "protocolVersion": "5",
        "description": "TLS 1.2 or newer, both sides with certificates; without TLS on this machine only.",
        "security": [{"$ref": "#/components/securitySchemes/certificate"}],
        "bindings": {
            "mqtt": {
                "clientId": "{box}",
                "cleanSession": False,
                "keepAlive": 30,
                "sessionExpiryInterval": 3600,
                "maximumPacketSize": 262144,
                "lastWill": {
                    "topic": f"{PREFIX}_/status/box",
                    "qos": 1,
                    "retain": True,
                    "message": "schema `status`: offline, cause lost, seq null; Will Delay 30 s",
                },
                "bindingVersion": BINDING_VERSION,
            }
        },
    }


def _said_channel(said: Said, schema: dict[str, Any]) -> dict[str, Any]:
    messages = {said.schema: _message(said.schema)}
    if said.can_be_cleared:
        messages["clear"] = _message("clear")
    return {**_channel(PREFIX + said.topic, messages), "title": schema["title"]}


def _channel(address: str, messages: dict[str, Any]) -> dict[str, Any]:
    names = re.findall(r"\{(\w+)\}", address)
    return {
        "address": address,
        "messages": messages,
        "parameters": {name: {"$ref": f"#/components/parameters/{name}"} for name in names},
    }


def _operation(said: Said) -> dict[str, Any]:
    channel = _name(said.topic)
    names = [said.schema, *(["clear"] if said.can_be_cleared else [])]
    return {
        "action": "send",
        "channel": {"$ref": f"#/channels/{channel}"},
        "description": f"Class of the outbox: {said.priority}.",
        "bindings": {"mqtt": {"qos": 1, "retain": said.retained, "bindingVersion": BINDING_VERSION}},
        "messages": [{"$ref": f"#/channels/{channel}/messages/{name}"} for name in names],
    }


def _hearing(name: str, text: str) -> dict[str, Any]:
    return {
        "action": "receive",
        "channel": {"$ref": f"#/channels/{name}"},
        "description": text,
        "bindings": {"mqtt": {"qos": 1, "retain": False, "bindingVersion": BINDING_VERSION}},
        "messages": [{"$ref": f"#/channels/{name}/messages/{name}"}],
    }


def _messages(schemas: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {
        said.schema: {
            "name": said.schema,
            "title": schemas[said.schema]["title"],
            "contentType": "application/json",
            "payload": {"$ref": f"#/components/schemas/{said.schema}"},
        }
        for said in CHANNELS
    }
    found["clear"] = {
        "name": "clear",
        "title": "takes a retained message away",
        "contentType": "application/octet-stream",
        "headers": {
            "type": "object",
            "required": ["edgeward-envelope"],
            "properties": {
                "edgeward-envelope": {
                    "type": "string",
                    "description": "MQTT user property with the envelope: an empty payload has no room",
                }
            },
        },
        "payload": {"type": "string", "maxLength": 0},
    }
    found["command"] = {
        "name": "command",
        "title": "a signed command, without envelope",
        "contentType": "text/plain",
        "payload": {
            "type": "string",
            "maxLength": 65536,
            "description": "a signed note to the byte, as docs/formats/commands-v1.md says",
        },
    }
    found["cosign"] = {
        "name": "cosign",
        "title": "a witness's cosignature, or why there is none; without envelope",
        "contentType": "application/json",
        "payload": COSIGN,
    }
    found["rebirth"] = {
        "name": "rebirth",
        "title": "the controller's wish that all boxes give birth again; without envelope",
        "contentType": "application/json",
        "payload": REBIRTH,
    }
    return found


def _message(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/messages/{name}"}


def _name(topic: str) -> str:
    """`{channel}/e/segment` -> `channel-e-segment`, `_/m/box` -> `box-m-box`."""
    words = re.sub(r"[{}]", "", topic).split("/")
    return "-".join("box" if word == "_" else word for word in words)


def _schema(path: Path) -> dict[str, Any]:
    found = json.loads(path.read_text(encoding="utf-8"))
    for key in ("$schema", "$id"):  # the document is one resource, and names its dialect itself
        found.pop(key)
    return dict(_referring(found))


def _referring(value: Any) -> Any:
    """The same with references to files made references into the document."""
    if isinstance(value, dict):
        return {
            key: f"#/components/schemas/{each.removesuffix('.schema.json')}"
            if key == "$ref"
            else _referring(each)
            for key, each in value.items()
        }
    return [_referring(each) for each in value] if isinstance(value, list) else value


if __name__ == "__main__":
    DOCUMENT.write_text(render(), encoding="utf-8")
    sys.stdout.write(f"{DOCUMENT.name}: {len(CHANNELS) + len(HEARD)} channels\n")
