"""Twins: what a box and its channels are, retained for the controller (docs/formats/mqtt-v1.md).

Guarantees: public halves and fingerprints only, never a key that opens or signs; what this machine does not
tell is null; a twin is told when it differs from the one told before. Leaves out what changes from minute to
minute, which is state. The caller calls `TwinWatch.look` now and then.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import psutil

from agent import __version__
from agent.device.firmware import FirmwareFinding
from agent.device.profile_match import ProfileMatch
from agent.formats.config_v1 import AgentConfig, ChannelConfig
from agent.formats.ipc_v1 import DeviceTold
from agent.host.medium import medium_of, word
from agent.link.certificates import read_certificate
from agent.model.errors import AgentError
from agent.model.outgoing import Json, Outgoing, Priority
from agent.model.times import rfc3339

_DMI = Path("/sys/class/dmi/id")


def twin(entity: str, name: str, body: Mapping[str, Json]) -> Outgoing:
    """The retained message."""
    return Outgoing(
        entity=entity, kind="twin", type=name, body=body, priority=Priority.STATE, retain=True, coalesce=True
    )


def software() -> dict[str, Json]:
    """What runs here."""
    return {
        "agent": __version__,
        "python": platform.python_version(),
        "kernel": platform.release(),
        "os": _os_name(),
    }


def hardware(vault: Path) -> dict[str, Json]:
    """What it runs on."""
    disk = medium_of(vault)
    return {
        "maker": word(_DMI / "sys_vendor"),
        "model": word(_DMI / "product_name"),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "memory_bytes": psutil.virtual_memory().total,
        "vault_bytes": psutil.disk_usage(str(vault)).total,
        "vault_disk": {
            "maker": disk.maker,
            "model": disk.model,
            "kind": disk.kind,
            "file_system": disk.file_system,
        },
    }


def keys(config: AgentConfig, ledger_key: str) -> dict[str, Json]:
    """Who can open, sign, command and witness, by public halves and their fingerprints."""
    return {
        "ledger": ledger_key,
        "custodians": [_fingerprint(one) for one in config.custodians.recipients],
        "threshold": config.custodians.threshold,
        "authority": config.tickets.authority if config.tickets else None,
        "operators": [
            {"name": one.name, "roles": list(one.roles), "key_sha256": _fingerprint(one.key)}
            for one in config.operator
        ],
        "witnesses": [_fingerprint(one.key) for one in config.witness],
        "certificate": _certificate(config),
    }


def spec(channel: ChannelConfig) -> dict[str, Json]:
    """What may be collected on a channel, and the hash by which two boxes' specs are compared."""
    table: dict[str, Json] = channel.spec.model_dump(mode="json")
    plan: Json = None if channel.plan is None else channel.plan.model_dump(mode="json")
    return {
        "category": channel.category,
        "level": channel.level,
        "purpose": channel.purpose,
        "lawful_basis": channel.lawful_basis,
        "source": channel.source.kind,
        "plan": plan,
        "spec": table,
        "sha256": hashlib.sha256(json.dumps(table, sort_keys=True).encode()).hexdigest(),
    }


def device(
    told: DeviceTold | None, match: ProfileMatch, findings: Sequence[FirmwareFinding]
) -> dict[str, Json]:
    """Which device delivers, the profile that it has, and what is known against its firmware."""
    return {
        "manufacturer": told.manufacturer if told else None,
        "model": told.model if told else None,
        "firmware": told.firmware if told else None,
        "serial": told.serial if told else None,
        "profile": match.profile.id,
        "trust": match.trust.value,
        "firmware_findings": [
            {"status": one.status.value, "required": one.required, "cve": list(one.cve)} for one in findings
        ],
    }


class TwinWatch:
    """Tells the twins of the box and of its channels' specs when they change; one thread."""

    def __init__(self, config: AgentConfig, ledger_key: str, tell: Callable[[Outgoing], None]) -> None:
        self._config = config
        self._ledger_key = ledger_key
        self._tell = tell
        self._told: dict[tuple[str, str], Mapping[str, Json]] = {}

    def look(self) -> None:
        """Looks at all of them."""
        vault = self._config.box.vault_dir
        self._take("_", "software", software())
        self._take("_", "hardware", hardware(vault))
        self._take("_", "keys", keys(self._config, self._ledger_key))
        for channel in self._config.channel:
            self._take(channel.id, "spec", spec(channel))

    def _take(self, entity: str, name: str, body: Mapping[str, Json]) -> None:
        if self._told.get((entity, name)) != body:
            self._told[entity, name] = body
            self._tell(twin(entity, name, body))


def _certificate(config: AgentConfig) -> dict[str, Json] | None:
    if config.mqtt is None or config.mqtt.cert_file is None:
        return None
    try:
        facts = read_certificate(config.mqtt.cert_file.read_bytes())
    except (OSError, AgentError):
        return None  # the alarm `mqtt.certificate-unreadable` says why (certificate_watch.py)
    return {
        "name": facts.name,
        "key_sha256": facts.key_sha256,
        "not_before": rfc3339(facts.not_before_wall_ns),
        "not_after": rfc3339(facts.not_after_wall_ns),
    }


def _fingerprint(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _os_name() -> str | None:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", "")[:100] or None
    except OSError:
        return None
