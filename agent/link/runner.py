"""One life of the link's thread: does what the session says, tells it what happened.

Guarantees: a message leaves the outbox only on a PUBACK below 0x80; whatever ends `run`, claimed rows go back
and the socket is closed. Leaves out what to do next (`session`) and the thread (`client`), whose text says
what the caller must do. Raises `Retry` and `Halt` of the outbox.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from select import select

from agent.formats import mqtt_v1, witness_v1
from agent.link import session as act
from agent.link import wire as wires
from agent.link.inbox import Inbox
from agent.link.outbox import Outbox, Row
from agent.link.presence import status_message
from agent.link.wire import LinkSettings
from agent.model.errors import Retry
from agent.model.outgoing import Json, Outgoing, Priority
from agent.model.ports.clock import Clock

_PACKET_TOO_LARGE = 0x95
_PUBLISH_OVERHEAD_BYTES = 64
# A face that the broker forbids ends each connection: tried so often, then no more until a restart.
_FACE_TRIES = 3
Birth = Callable[[], Mapping[str, Json]]


@dataclass(slots=True)
class Counts:
    """What is counted over all lives of the thread, and what the keeper's thread asks for."""

    sent: int = 0
    refused: int = 0
    connects: int = 0
    restarts: int = 0
    last_error: str | None = None
    deaf: str | None = None
    online: bool = False
    face_failures: int = 0
    # Set by the keeper's thread, read by the link's.
    maintenance: bool = False
    rebirth_s: float | None = None


class Runner:
    """One life of the thread: does what the session says, tells it what happened."""

    def __init__(
        self,
        settings: LinkSettings,
        boot: str,
        clock: Clock,
        birth: Birth,
        random: Callable[[], float],
        outbox: Outbox,
        counts: Counts,
        stopping: threading.Event,
        wake: socket.socket,
        inbox: Inbox | None,
    ) -> None:
        self._settings = settings
        self._boot = boot
        self._clock = clock
        self._birth = birth
        self._outbox = outbox
        self._counts = counts
        self._stopping = stopping
        self._wake = wake
        self._inbox = inbox
        self._session = act.Session(keepalive_s=settings.keepalive_s, random=random)
        self._wire: wires.Wire | None = None
        self._seq_of: dict[int, int] = {}
        self._face_mid: int | None = None
        self._live_from = 0
        self._maximum_packet: int | None = None

    def run(self) -> None:
        """Until stopped. Whatever ends it, claimed rows go back and the socket is closed."""
        session = self._session
        self._outbox.release_all()
        try:
            while not session.ended:
                if self._stopping.is_set():
                    self._do(session.stop(self._clock.mono_ns()))
                delay_s, self._counts.rebirth_s = self._counts.rebirth_s, None
                if delay_s is not None:
                    session.rebirth(self._clock.mono_ns(), delay_s)
                self._do(session.tick(self._clock.mono_ns()))
                self._counts.online = session.online
                if not session.ended:
                    self._wait(session.wait_s(self._clock.mono_ns()))
                    self._digest()
        finally:
            self._close(clean=False)

    def _wait(self, timeout_s: float) -> None:
        if self._wire is None:
            select([self._wake], [], [], timeout_s)
        elif self._wire.pump(timeout_s, self._wake):
            self._session.inbound(self._clock.mono_ns())
        with suppress(BlockingIOError):
            self._wake.recv(4096)

    def _digest(self) -> None:
        """Tell the session what came; PUBACKs together, so that they cost one transaction."""
        done: list[int] = []
        while self._wire is not None and self._wire.events:
            event = self._wire.events.popleft()
            now = self._clock.mono_ns()
            match event:
                case wires.Connack():
                    self._maximum_packet = event.maximum_packet
                    actions = self._session.connack(
                        event.reason,
                        now,
                        receive_maximum=max(1, event.receive_maximum - (self._settings.face is not None)),
                        keepalive_s=event.keepalive_s,
                        session_present=event.session_present,
                    )
                case wires.Puback():
                    if event.mid == self._face_mid:
                        self._face_mid = None
                        self._counts.face_failures = _FACE_TRIES if event.reason >= 0x80 else 0
                    seq = self._seq_of.pop(event.mid, None)
                    actions = [] if seq is None else self._session.puback(seq, event.reason, now)
                case wires.Suback():
                    actions = []
                    refused = event.reason >= 0x80
                    self._counts.deaf = f"mqtt.suback-{event.reason:02x}" if refused else None
                case wires.Inbound():
                    actions = []
                    if self._inbox is not None:
                        self._inbox.put(event)
                case wires.Lost():
                    actions = self._session.lost(event.code, now, reason=event.reason)
            done += [each.seq for each in actions if isinstance(each, act.Done)]
            rest = [each for each in actions if not isinstance(each, act.Done)]
            if rest:
                self._forget(done)
                self._do(rest)
        self._forget(done)

    def _forget(self, done: list[int]) -> None:
        if done:
            self._outbox.done(*done)
            self._counts.sent += len(done)
            done.clear()

    def _do(self, actions: Sequence[act.Action]) -> None:
        for action in actions:
            match action:
                case act.Connect():
                    self._connect()
                case act.Announce():
                    self._announce(action.forgotten)
                case act.Rebirth():
                    self._say_birth()
                    self._outbox.resurrect()
                case act.Claim():
                    self._claim(action)
                case act.Done():
                    self._forget([action.seq])
                case act.Refused():
                    self._outbox.refuse(action.seq, self._clock.now())
                    self._counts.refused += 1
                case act.Release():
                    self._outbox.release(action.seq)
                case act.SayDraining():
                    now = self._clock.now()
                    if self._outbox.depth(now).total_rows > act.WINDOW:
                        self._outbox.put(status_message("draining"), now)
                case act.SayOffline():
                    farewell = status_message("offline", "stopped")
                    self._session.farewell_is(self._outbox.put(farewell, self._clock.now()))
                case act.Close():
                    self._close(clean=action.clean)
        if self._session.last_error is not None:
            self._counts.last_error = self._session.last_error
            self._session.last_error = None

    def _connect(self) -> None:
        number = self._outbox.next_session()
        will = mqtt_v1.encode_will(
            mqtt_v1.Envelope(
                box=self._settings.box, boot=self._boot, session=number, seq=None, at=self._clock.now()
            )
        )
        self._wire = wires.Wire(self._settings, will)
        try:
            self._wire.connect()
        except Retry as error:
            self._do(self._session.lost(error.code, self._clock.mono_ns()))

    def _announce(self, forgotten: bool) -> None:
        self._counts.connects += 1
        if self._inbox is not None and self._wire is not None:
            box = self._settings.box
            topics = (mqtt_v1.commands_filter(box), witness_v1.cosign_topic(box), mqtt_v1.REBIRTH_TOPIC)
            self._wire.subscribe(*topics)
        face = self._settings.face
        if face is not None and self._counts.face_failures < _FACE_TRIES and self._wire is not None:
            self._face_mid = self._wire.publish(face[0], face[1], retain=True, clear=False)
        self._live_from = self._outbox.last_seq() + 1
        self._say_birth()
        if forgotten:
            self._outbox.resurrect()

    def _say_birth(self) -> None:
        self._outbox.put(
            Outgoing(
                entity="_",
                kind="birth",
                type="box",
                body=self._birth(),
                priority=Priority.CRITICAL,
                retain=True,
                coalesce=True,
            ),
            self._clock.now(),
        )
        word = "maintenance" if self._counts.maintenance else "online"
        self._outbox.put(status_message(word), self._clock.now())

    def _claim(self, wish: act.Claim) -> None:
        worst = Priority.CRITICAL if wish.only_critical else Priority.MEASUREMENT
        rows = self._outbox.claim(
            wish.limit, live_from=self._live_from, backlog_limit=wish.backlog_limit, worst=worst
        )
        old = sum(row.id < self._live_from for row in rows)
        self._session.claimed([row.id for row in rows], old, self._clock.mono_ns())
        if rows and self._wire is not None:
            with self._wire.together():
                for row in rows:
                    self._publish(row)

    def _publish(self, row: Row) -> None:
        size = len(row.payload) + len(row.topic) + _PUBLISH_OVERHEAD_BYTES
        if self._maximum_packet is not None and size > self._maximum_packet:
            # The broker would close the connection at each try, for ever.
            self._do(self._session.puback(row.id, _PACKET_TOO_LARGE, self._clock.mono_ns()))
        elif self._wire is not None:
            mid = self._wire.publish(row.topic, row.payload, retain=row.retain, clear=row.clear)
            self._seq_of[mid] = row.id

    def _close(self, *, clean: bool) -> None:
        if self._face_mid is not None:  # a broker may hang up on what it forbids before its answer is read
            self._face_mid = None
            self._counts.face_failures += 1
        self._counts.online = False
        self._seq_of.clear()
        if self._wire is not None:
            self._wire.close(clean=clean)
            self._wire = None
        self._outbox.release_all()
