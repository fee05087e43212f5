"""What the health checks ask of the controller's broker, apart from the agent's own connection.

Guarantees: `broker_door` says nothing but TLS; `foreign_topic` publishes one empty object below a name that
no box has, never while an agent runs (a broker that knows boxes by their certificate would end the agent's
session), and leaves messages that wait for this box unacknowledged, for the agent. All waits are bounded.
"""

from __future__ import annotations

import os
import socket
import ssl
from pathlib import Path

from agent.formats import mqtt_v1
from agent.formats.config_v1 import AgentConfig, MqttConfig
from agent.health.probed import BrokerDoor
from agent.health.site import Skip
from agent.link.wire import Connack, LinkSettings, Lost, Puback
from agent.link.witness_wire import WitnessWire
from agent.model.errors import AgentError
from agent.model.ports.clock import Clock
from agent.model.times import NS_PER_S
from agent.runtime import status
from agent.runtime.broker_settings import broker_settings

CONNECT_S = 2.0
ANSWER_S = 4.0
NOBODY = "edgeward-check-nobody"
_REFUSED = 0x80
_NOT_AUTHORISED = "mqtt.disconnect-87"
# Of linux/in.h and linux/in6.h: what the kernel knows of the way of a connected socket.
_IP_MTU, _IPV6_MTU = 14, 24


def broker_door(mqtt: MqttConfig) -> BrokerDoor:
    """Connects, shakes hands, hangs up."""
    try:
        plain = socket.create_connection((mqtt.host, mqtt.port), timeout=CONNECT_S)
    except OSError as error:
        return _closed("no-answer", error.strerror or type(error).__name__, None)
    with plain:
        mtu = _path_mtu(plain)
        if not mqtt.tls:
            return _closed("no-tls", "", mtu)
        try:
            with _context(mqtt).wrap_socket(plain, server_hostname=mqtt.host) as end:
                shown = end.getpeercert() or {}
        except ssl.SSLCertVerificationError as error:
            return _closed("untrusted", error.verify_message, mtu)
        except (OSError, ValueError) as error:
            reason = error.reason if isinstance(error, ssl.SSLError) else None
            return _closed("no-tls", str(reason or type(error).__name__), mtu)
    end_s = ssl.cert_time_to_seconds(str(shown["notAfter"]))
    return BrokerDoor(word="open", detail="", not_after_ns=end_s * NS_PER_S, path_mtu=mtu)


def _closed(word: str, detail: str, mtu: int | None) -> BrokerDoor:
    return BrokerDoor(word=word, detail=detail[:120], not_after_ns=None, path_mtu=mtu)


def _context(mqtt: MqttConfig) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=mqtt.ca_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    files: tuple[Path | None, ...] = (mqtt.cert_file, mqtt.key_file)
    # Without the right to read our own key the broker's certificate can still be looked at (TLS 1.3).
    if mqtt.cert_file is not None and all(one is not None and os.access(one, os.R_OK) for one in files):
        context.load_cert_chain(mqtt.cert_file, mqtt.key_file)
    return context


def _path_mtu(end: socket.socket) -> int | None:
    try:
        if end.family == socket.AF_INET6:
            return end.getsockopt(socket.IPPROTO_IPV6, _IPV6_MTU)
        return end.getsockopt(socket.IPPROTO_IP, _IP_MTU)
    except OSError:
        return None


class _ProbeWire(WitnessWire):
    """Without a will, and deaf: what comes in stays the broker's to deliver again."""

    def __init__(self, settings: LinkSettings) -> None:
        super().__init__(settings)
        self._client.manual_ack_set(True)


def foreign_topic(config: AgentConfig, clock: Clock) -> str:
    """`refused` or `taken`. Skip `not-configured`, `running`, `no-privilege`, `no-answer`."""
    if config.mqtt is None:
        raise Skip("not-configured")
    if _may_run(config):
        raise Skip("running")
    wire = _ProbeWire(_settings(config.box.id, config.mqtt))
    awake, _asleep = socket.socketpair()
    with awake, _asleep:
        try:
            wire.connect()
            connack = _wait(wire, awake, clock)
            if not isinstance(connack, Connack) or connack.reason >= _REFUSED:
                raise Skip("no-answer", "mqtt.session")
            wire.publish(mqtt_v1.topic_of(NOBODY, "_", "m", "box"), b"{}", retain=False, clear=False)
            answer = _wait(wire, awake, clock)
        except AgentError as error:
            raise Skip("no-answer", error.code) from None
        finally:
            wire.close(clean=True)
    if isinstance(answer, Puback):
        return "refused" if answer.reason >= _REFUSED else "taken"
    if isinstance(answer, Lost) and answer.code == _NOT_AUTHORISED:
        return "refused"
    raise Skip("no-answer", "PUBACK")


def _wait(wire: _ProbeWire, awake: socket.socket, clock: Clock) -> Connack | Puback | Lost | None:
    """The next answer of the broker that concerns us; None when none came in time."""
    until_ns = clock.mono_ns() + round(ANSWER_S * NS_PER_S)
    while (left_ns := until_ns - clock.mono_ns()) > 0:
        while wire.events:
            event = wire.events.popleft()
            if isinstance(event, Connack | Puback | Lost):
                return event
        wire.pump(left_ns / NS_PER_S, awake)
    return None


def _settings(box: str, mqtt: MqttConfig) -> LinkSettings:
    try:
        return broker_settings(mqtt, box)
    except AgentError:
        raise Skip("no-privilege") from None


def _may_run(config: AgentConfig) -> bool:
    """True unless it is sure that no agent runs: one that hangs is one, too. Skip `no-privilege`."""
    runtime_dir = config.box.runtime_dir
    if runtime_dir.exists() and not os.access(runtime_dir, os.R_OK | os.X_OK):
        raise Skip("no-privilege")
    try:
        said = status.read(config.box.runtime_dir)
    except AgentError:
        return False
    pid = said.get("pid")
    if not said.get("running") or not isinstance(pid, int):
        return False
    return Path(f"/proc/{pid}").exists()
