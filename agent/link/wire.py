"""One MQTT 5 connection through paho-mqtt, moved by hand.

Guarantees: paho has no thread here and never queues: a `Wire` lives for one connection, holds at most
the session's window, and every callback only appends to `events`. Errors name no password. The caller
uses it from one thread. Leaves out what to send and when to try again (`session`).
"""

from __future__ import annotations

import select
import socket
import ssl
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from agent.formats import mqtt_v1
from agent.link.session import WINDOW
from agent.model.errors import Retry

SESSION_EXPIRY_S = 3600
CONNECT_TIMEOUT_S = 5.0
_DISCONNECT_WITH_WILL = 0x04


class Secret:
    """Text that is never printed. `reveal` gives it to the one place that needs it."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return "Secret(***)"


@dataclass(frozen=True, kw_only=True)
class LinkSettings:
    """Where the controller's broker is and who we are. Without `tls_ca` the system's authorities count.

    `tls` false is for a broker on this machine: everything goes in clear, the password too.
    """

    host: str
    port: int
    box: str
    username: str | None = None
    password: Secret | None = None
    tls: bool = True
    tls_ca: Path | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None
    keepalive_s: int = 30
    will_delay_s: int = 30
    # Topic and payload of a retained message outside of the contract, said at each connection.
    face: tuple[str, bytes] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Connack:
    """The broker's answer to CONNECT."""

    reason: int
    receive_maximum: int
    maximum_packet: int | None
    keepalive_s: int | None
    session_present: bool


@dataclass(frozen=True, slots=True)
class Puback:
    """The broker's answer to one message."""

    mid: int
    reason: int


@dataclass(frozen=True, slots=True)
class Suback:
    """The broker's answer to the subscription: the worst, when there were several topics."""

    reason: int


@dataclass(frozen=True, slots=True)
class Inbound:
    """A message to this box. `topic` is empty when it was no text."""

    topic: str
    payload: bytes
    retained: bool


@dataclass(frozen=True, slots=True)
class Lost:
    """The connection ended; `reason` is the broker's, when it said one."""

    code: str
    reason: int | None = None


class Wire:
    """See the module's text."""

    def __init__(self, settings: LinkSettings, will: bytes) -> None:
        self.events: deque[Connack | Puback | Suback | Inbound | Lost] = deque()
        self._settings = settings
        self._client = client = paho.Client(
            CallbackAPIVersion.VERSION2, client_id=settings.box, protocol=MQTTProtocolVersion.MQTTv5
        )
        client.connect_timeout = CONNECT_TIMEOUT_S
        client.max_inflight_messages = WINDOW
        if settings.username is not None:
            password = settings.password.reveal() if settings.password else None
            client.username_pw_set(settings.username, password)
        delay = _properties(PacketTypes.WILLMESSAGE)
        delay.WillDelayInterval = settings.will_delay_s
        status = mqtt_v1.topic_of(settings.box, "_", "status", "box")
        client.will_set(status, will, qos=1, retain=True, properties=delay)
        client.on_connect = self._guarded(self._on_connect)
        client.on_publish = self._guarded(self._on_publish)
        client.on_subscribe = self._guarded(self._on_subscribe)
        client.on_message = self._guarded(self._on_message)
        client.on_disconnect = self._guarded(self._on_disconnect)

    def connect(self) -> None:
        """Open the socket and send CONNECT; blocks for at most `CONNECT_TIMEOUT_S` per address.

        Raises `Retry`: `mqtt.tls` (certificates, handshake), `mqtt.unreachable`.
        """
        settings = self._settings
        wishes = _properties(PacketTypes.CONNECT)
        wishes.SessionExpiryInterval = SESSION_EXPIRY_S
        wishes.ReceiveMaximum = WINDOW
        wishes.MaximumPacketSize = mqtt_v1.MAX_BYTES
        where = f"{settings.host}:{settings.port}"
        try:
            if settings.tls:
                self._client.tls_set_context(_tls_context(settings))
            self._client.connect(
                settings.host, settings.port, settings.keepalive_s, clean_start=False, properties=wishes
            )
        except ssl.SSLError as error:
            raise Retry(
                "mqtt.tls",
                f"no TLS with {where}: {error.reason or error}",
                "Check both certificates and the clock.",
                after_s=0,
            ) from error
        except (OSError, UnicodeError) as error:
            raise Retry(
                "mqtt.unreachable",
                f"can't reach {where}: {error}",
                "Check the network and the broker.",
                after_s=0,
            ) from error

    def publish(self, topic: str, payload: bytes, *, retain: bool, clear: bool) -> int:
        """Send one QoS 1 message and give its packet identifier, which comes back in a `Puback`."""
        properties = None
        if clear:
            properties = _properties(PacketTypes.PUBLISH)
            properties.UserProperty = (mqtt_v1.CLEAR_PROPERTY, payload.decode())
        sent = self._client.publish(topic, b"" if clear else payload, 1, retain, properties=properties)
        return sent.mid

    @contextmanager
    def together(self) -> Iterator[None]:
        """What is published inside leaves in few segments instead of one for each message.

        Each segment wakes the broker up, and that is the larger part of what a message costs here.
        """
        sock = self._client.socket()
        _cork(sock, on=True)
        try:
            yield
        finally:
            _cork(sock, on=False)

    def subscribe(self, *topics: str) -> None:
        """Ask for the messages of `topics` with QoS 1, retained ones marked as such.

        One `Suback` comes back, with the worst of the broker's answers.
        """
        self._client.subscribe([(topic, SubscribeOptions(qos=1, retainAsPublished=True)) for topic in topics])

    def pump(self, timeout_s: float, wake: socket.socket) -> bool:
        """Move bytes for at most `timeout_s`, less when `wake` is readable. True when any came in."""
        sock = self._client.socket()
        if sock is None:
            if not any(isinstance(event, Lost) for event in self.events):
                self.events.append(Lost("mqtt.lost"))
            return False
        pending = getattr(sock, "pending", None)
        readers: list[Any] = [sock, wake]
        writers: list[Any] = [sock] if self._client.want_write() else []
        readable, writable, _ = select.select(readers, writers, [], timeout_s)
        if sock in readable:
            self._client.loop_read()
            # TLS may hold decoded bytes that select can't see.
            while pending is not None and self._client.socket() is sock and pending():
                self._client.loop_read()
        if sock in writable and self._client.socket() is sock:
            self._client.loop_write()
        self._client.loop_misc()
        return sock in readable

    def close(self, *, clean: bool) -> None:
        """Say DISCONNECT when possible and let go of the socket. An unclean end lets the will speak."""
        sock = self._client.socket()
        if sock is not None:
            reason = None if clean else ReasonCode(PacketTypes.DISCONNECT, identifier=_DISCONNECT_WITH_WILL)
            with suppress(OSError, ValueError):
                self._client.disconnect(reasoncode=reason)
            sock.close()
        self.events.clear()

    def _on_connect(self, _c: Any, _u: Any, flags: Any, reason: ReasonCode, properties: Any) -> None:
        def given(name: str) -> int | None:
            value = getattr(properties, name, None)
            return None if value is None else int(value)

        self.events.append(
            Connack(
                reason=reason.value,
                receive_maximum=given("ReceiveMaximum") or 65535,
                maximum_packet=given("MaximumPacketSize"),
                keepalive_s=given("ServerKeepAlive"),
                session_present=bool(flags.session_present),
            )
        )

    def _on_publish(self, _c: Any, _u: Any, mid: int, reason: ReasonCode, _p: Any) -> None:
        self.events.append(Puback(mid, reason.value))

    def _on_subscribe(self, _c: Any, _u: Any, _mid: int, reasons: list[ReasonCode], _p: Any) -> None:
        self.events.append(Suback(max(reason.value for reason in reasons)))

    def _on_message(self, _c: Any, _u: Any, message: paho.MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = ""
        self.events.append(Inbound(topic, bytes(message.payload), bool(message.retain)))

    def _on_disconnect(self, _c: Any, _u: Any, flags: Any, reason: ReasonCode, _p: Any) -> None:
        from_broker = bool(flags.is_disconnect_packet_from_server)
        code = f"mqtt.disconnect-{reason.value:02x}" if from_broker else "mqtt.lost"
        self.events.append(Lost(code, reason.value if from_broker else None))

    def _guarded(self, callback: Callable[..., None]) -> Callable[..., None]:
        """`callback`, with whatever it raises turned into the end of this connection."""

        def guarded(*arguments: Any) -> None:
            try:
                callback(*arguments)
            except Exception:  # noqa: BLE001 - paho would leave its own state half changed and go on
                self.events.append(Lost("mqtt.callback"))

        return guarded


def _cork(sock: Any, *, on: bool) -> None:
    """Linux's TCP_CORK, on whatever paho calls a socket; None or a closed one holds nothing back."""
    if sock is not None:
        with suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, int(on))


def _tls_context(settings: LinkSettings) -> ssl.SSLContext:
    """TLS 1.2 or newer, host name checked, read anew for each try so that renewed files are seen."""
    context = ssl.create_default_context(cafile=settings.tls_ca)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if settings.tls_cert is not None:
        context.load_cert_chain(settings.tls_cert, settings.tls_key)
    return context


def _properties(packet: int) -> Any:
    """paho's `Properties` takes its attributes dynamically and has no types for them."""
    make: Callable[[int], Any] = Properties
    return make(packet)
