"""Makes the MQTT link from the configuration, and the birth message's content."""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping

from agent import __version__
from agent.formats.config_v1 import AgentConfig, MqttConfig
from agent.link.client import Link
from agent.link.home_assistant import FaceChannel, discovery
from agent.link.inbox import Inbox
from agent.model.outgoing import Json
from agent.model.ports.clock import Clock
from agent.runtime.broker_settings import broker_settings
from agent.runtime.load_config import fingerprint


def make_link(
    config: AgentConfig,
    mqtt: MqttConfig,
    boot: int,
    clock: Clock,
    verifier_key: str,
    random: Callable[[], float],
    inbox: Inbox | None = None,
    commands: Callable[[], Mapping[str, Json]] = dict,
) -> Link:
    """A link, not yet started. Raises `Refuse` when the password can't be read.

    `commands` gives what the birth says of commands; it is called from the link's thread.
    """
    settings = broker_settings(mqtt, config.box.id, face=_face(config) if mqtt.home_assistant else None)
    return Link(
        settings,
        config.box.state_dir / "outbox.sqlite3",
        str(boot),
        clock,
        lambda: {**birth(config, verifier_key), **commands()},
        random,
        inbox,
    )


def _face(config: AgentConfig) -> tuple[str, bytes]:
    channels = [FaceChannel(id=channel.id, name=channel.name) for channel in config.channel]
    return discovery(config.box.id, site=config.box.site, version=__version__, channels=channels)


def birth(config: AgentConfig, verifier_key: str) -> dict[str, Json]:
    """Who this box is and what it will tell."""
    return {
        "site": config.box.site or None,
        "versions": {"agent": __version__, "python": platform.python_version()},
        "ledger_key": verifier_key,
        "configuration_sha256": fingerprint(config),
        "channels": [
            {
                "id": channel.id,
                "name": channel.name or None,
                "source": channel.source.kind,
                "category": channel.category,
                "level": channel.level,
                "width": channel.spec.width,
                "height": channel.spec.height,
                "rate": channel.spec.rate,
            }
            for channel in config.channel
        ],
        "metrics": {
            "m/channel": {"bitrate_bps": "bit/s", "jitter_p99_ms": "ms", "period_s": 5},
            "m/box": {"rss_bytes": "B", "free_bytes": "B", "cpu_s": "s", "period_s": 30},
        },
    }
