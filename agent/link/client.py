"""The link's thread: empties the outbox over MQTT 5 as long as there is a broker.

Guarantees: one thread of its own owns the socket and its own connection to the outbox; recording never
waits for it. A message leaves the outbox only on a PUBACK below 0x80. `stop` is prompt: every wait ends
when woken (only opening a socket may take its 5 s). A dead thread shows in `is_alive` and is replaced by
`restart_if_dead`. The caller calls `notify` after a `put`, and `stop` once at the end.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from select import select

from agent.formats import mqtt_v1
from agent.link import session as act
from agent.link import wire as wires
from agent.link.outbox import Outbox, Row
from agent.link.wire import LinkSettings, Secret
from agent.model.errors import Halt, Retry
from agent.model.outgoing import Json, Outgoing, Priority
from agent.model.ports.clock import Clock

__all__ = ["Link", "LinkSettings", "LinkStats", "Secret"]

_PACKET_TOO_LARGE = 0x95
_PUBLISH_OVERHEAD_BYTES = 64
Birth = Callable[[], Mapping[str, Json]]


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkStats:
    """Since `start`. `last_error` is a code, kept until the next error."""

    sent: int
    refused: int
    reconnects: int
    restarts: int
    last_error: str | None


@dataclass(slots=True)
class _Counts:
    sent: int = 0
    refused: int = 0
    connects: int = 0
    restarts: int = 0
    last_error: str | None = None
    online: bool = False


class Link:
    """See the module's text. `random` gives numbers in [0, 1); `birth` the birth message's body."""

    def __init__(
        self,
        settings: LinkSettings,
        outbox_path: Path,
        boot: str,
        clock: Clock,
        birth: Birth,
        random: Callable[[], float],
    ) -> None:
        self._settings = settings
        self._outbox_path = outbox_path
        self._boot = boot
        self._clock = clock
        self._birth = birth
        self._random = random
        self._counts = _Counts()
        self._stopping = threading.Event()
        self._wake_in, self._wake_out = socket.socketpair()
        self._wake_in.setblocking(False)
        self._wake_out.setblocking(False)
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread. RuntimeError when it was started before."""
        if self._thread is not None:
            raise RuntimeError("a link is started once")
        self._spawn()

    def stop(self, timeout_s: float) -> bool:
        """Send what waits, publish `offline`, wait for its PUBACK. False when that took too long."""
        self._stopping.set()
        self.notify()
        if self._thread is None:
            return True
        self._thread.join(timeout_s)
        if self._thread.is_alive():
            return False
        self._wake_in.close()
        self._wake_out.close()
        return True

    def notify(self) -> None:
        """Something was put into the outbox. May be called from any thread, at any time."""
        with suppress(OSError):  # full: a wake-up is on its way; closed: nobody is left to wake
            self._wake_in.send(b"\0")

    def is_alive(self) -> bool:
        """True while the thread runs."""
        return self._thread is not None and self._thread.is_alive()

    def restart_if_dead(self) -> bool:
        """Start a new thread in place of one that died. True when that was needed."""
        if self._thread is None or self._thread.is_alive() or self._stopping.is_set():
            return False
        self._counts.restarts += 1
        self._spawn()
        return True

    @property
    def connected(self) -> bool:
        """True between a good CONNACK and the loss of that connection."""
        return self._counts.online and self.is_alive()

    @property
    def stats(self) -> LinkStats:
        counts = self._counts
        return LinkStats(
            sent=counts.sent,
            refused=counts.refused,
            reconnects=max(0, counts.connects - 1),
            restarts=counts.restarts,
            last_error=counts.last_error,
        )

    def _spawn(self) -> None:
        self._thread = threading.Thread(target=self._run, name="link", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            while True:
                try:
                    outbox = Outbox.open(self._outbox_path, self._settings.box, self._boot)
                    try:
                        runner = _Runner(
                            self._settings,
                            self._boot,
                            self._clock,
                            self._birth,
                            self._random,
                            outbox,
                            self._counts,
                            self._stopping,
                            self._wake_out,
                        )
                        runner.run()
                    finally:
                        outbox.close()
                    return
                except Retry as error:  # the disk is full or busy: that passes
                    self._counts.last_error = error.code
                    if self._stopping.wait(error.after_s):
                        return
                except Halt as error:
                    self._counts.last_error = error.code
                    raise
        finally:
            self._counts.online = False


class _Runner:
    """One life of the thread: does what the session says, tells it what happened."""

    def __init__(
        self,
        settings: LinkSettings,
        boot: str,
        clock: Clock,
        birth: Birth,
        random: Callable[[], float],
        outbox: Outbox,
        counts: _Counts,
        stopping: threading.Event,
        wake: socket.socket,
    ) -> None:
        self._settings = settings
        self._boot = boot
        self._clock = clock
        self._birth = birth
        self._outbox = outbox
        self._counts = counts
        self._stopping = stopping
        self._wake = wake
        self._session = act.Session(keepalive_s=settings.keepalive_s, random=random)
        self._wire: wires.Wire | None = None
        self._seq_of: dict[int, int] = {}
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
                        receive_maximum=event.receive_maximum,
                        keepalive_s=event.keepalive_s,
                        session_present=event.session_present,
                    )
                case wires.Puback():
                    seq = self._seq_of.pop(event.mid, None)
                    actions = [] if seq is None else self._session.puback(seq, event.reason, now)
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
                case act.Claim():
                    self._claim(action)
                case act.Done():
                    self._forget([action.seq])
                case act.Refused():
                    self._outbox.refuse(action.seq, self._clock.now())
                    self._counts.refused += 1
                case act.Release():
                    self._outbox.release(action.seq)
                case act.SayOffline():
                    farewell = _status("offline", "stopped")
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
        self._live_from = self._outbox.last_seq() + 1
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
        self._outbox.put(_status("online", None), self._clock.now())
        if forgotten:
            self._outbox.resurrect()

    def _claim(self, wish: act.Claim) -> None:
        worst = Priority.CRITICAL if wish.only_critical else Priority.MEASUREMENT
        rows = self._outbox.claim(
            wish.limit, live_from=self._live_from, backlog_limit=wish.backlog_limit, worst=worst
        )
        self._session.claimed([row.id for row in rows], sum(row.id < self._live_from for row in rows))
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
        self._counts.online = False
        self._seq_of.clear()
        if self._wire is not None:
            self._wire.close(clean=clean)
            self._wire = None
        self._outbox.release_all()


def _status(status: str, cause: str | None) -> Outgoing:
    body: dict[str, Json] = {"status": status, "cause": cause}
    # `offline` is never replaced: a new `online` would take its place in front of the birth message.
    return Outgoing(
        entity="_",
        kind="status",
        type="box",
        body=body,
        priority=Priority.CRITICAL,
        retain=True,
        coalesce=status == "online",
    )
