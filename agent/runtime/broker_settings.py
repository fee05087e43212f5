"""What the wire needs of `[mqtt]`, with the password read: of a box's file, a console's and a witness's.

Guarantees: the password is in nothing that prints. Raises `Refuse` (`secret.*`) when it can't be read.
"""

from __future__ import annotations

from agent.formats.config_v1 import MqttConfig
from agent.link.wire import LinkSettings, Secret
from agent.runtime.load_config import read_secret


def broker_settings(mqtt: MqttConfig, client: str, *, face: tuple[str, bytes] | None = None) -> LinkSettings:
    """`client` is the MQTT client id; `face` what Home Assistant is told."""
    return LinkSettings(
        host=mqtt.host,
        port=mqtt.port,
        box=client,
        username=mqtt.username,
        password=Secret(read_secret(mqtt.password_file)) if mqtt.password_file else None,
        tls=mqtt.tls,
        tls_ca=mqtt.ca_file,
        tls_cert=mqtt.cert_file,
        tls_key=mqtt.key_file,
        face=face,
    )
