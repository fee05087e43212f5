"""The console's MQTT thread: everything that boxes say in, commands and wishes for births out.

Guarantees: a lost connection is tried again with jitter; after each subscription a marker goes round, and
when it comes back, all retained messages have come (`on_synced`): the broker keeps their order. At most
`WINDOW` messages are in paho's hands. Every callback is called from this thread. Leaves out what to send
again when: the caller learns of each PUBACK and of each loss.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from select import select
from threading import Lock, Thread

from agent.console.contract import FILTERS, WITNESS_FILTER
from agent.console.intake import Intake
from agent.console.wire import ConsoleWire, Heard
from agent.link.backoff import reconnect_delay_s, refused_delay_s
from agent.link.session import WINDOW
from agent.link.waker import Waker
from agent.link.wire import Connack, LinkSettings, Lost, Puback, Suback
from agent.model.errors import Retry
from agent.model.ports.clock import Clock
from agent.model.times import NS_PER_S

CONNACK_S = 10
_REFUSED = 0x80
_WAIT_S = 1.0
_MOST_WAITING = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Hooks:
    """Whom to tell. `acknowledged` gets the token of a publication and the broker's reason."""

    up: Callable[[], None]
    down: Callable[[str], None]
    synced: Callable[[], None]
    acknowledged: Callable[[str, int], None]
    witness: Callable[[str, bytes], None]


class Listener:
    """See the module's text."""

    def __init__(
        self, settings: LinkSettings, intake: Intake, hooks: Hooks, clock: Clock, random: Callable[[], float]
    ) -> None:
        self._settings = settings
        self._intake = intake
        self._hooks = hooks
        self._clock = clock
        self._random = random
        self._marker = f"edgeward/v1/ctl/console/{settings.box}"
        self._round = 0
        self._lock = Lock()
        self._waiting: deque[tuple[str, bytes, str]] = deque()
        self._sent: dict[int, str] = {}
        self._failures = 0
        self._stopping = self._again = False
        self._waker = Waker()
        self._thread = Thread(target=self._run, name="console-mqtt", daemon=True)

    def start(self) -> None:
        """Begins to connect."""
        self._thread.start()

    def stop(self) -> None:
        """Ends the thread; returns when it has ended."""
        self._stopping = True
        self._waker.wake()
        self._thread.join(10)

    def ask_again(self) -> None:
        """Subscribes once more: the broker says again what it keeps, and `synced` follows."""
        self._again = True
        self._waker.wake()

    def send(self, topic: str, payload: bytes, token: str) -> bool:
        """Publish with QoS 1, never retained. False when too much waits. What is lost with a connection is
        not sent again by itself."""
        with self._lock:
            if len(self._waiting) >= _MOST_WAITING:
                return False
            self._waiting.append((topic, payload, token))
        self._waker.wake()
        return True

    def _run(self) -> None:
        try:
            while not self._stopping:
                delay_s = self._one_connection()
                if not self._stopping:
                    select([self._waker.out], [], [], delay_s)
        finally:
            self._waker.close()

    def _one_connection(self) -> float:
        wire = ConsoleWire(self._settings)
        try:
            wire.connect()
            code = self._serve(wire)
        except Retry as error:
            code = error.code
        finally:
            wire.close(clean=True)
        with self._lock:
            self._waiting.clear()
        self._sent.clear()
        if self._stopping:
            return 0.0
        self._failures += 1
        self._hooks.down(code)
        if code == "mqtt.refused":
            return refused_delay_s(self._random())
        return reconnect_delay_s(self._failures, self._random())

    def _serve(self, wire: ConsoleWire) -> str:
        """Until stopped or lost; gives the code of the loss."""
        heard_ns, connected = self._clock.mono_ns(), False
        silent_ns = CONNACK_S * NS_PER_S
        while not self._stopping:
            if wire.pump(_WAIT_S, self._waker.out):
                heard_ns = self._clock.mono_ns()
            self._waker.drain()
            while wire.events:
                event = wire.events.popleft()
                match event:
                    case Connack():
                        if event.reason >= _REFUSED:
                            return "mqtt.refused"
                        connected = True
                        keepalive_s = event.keepalive_s or self._settings.keepalive_s
                        silent_ns = 2 * keepalive_s * NS_PER_S
                        self._again = True
                    case Suback():
                        if event.reason >= _REFUSED:
                            return "mqtt.refused"
                        self._failures = 0
                        self._hooks.up()
                        self._mark(wire)
                    case Heard():
                        self._heard(event)
                    case Puback():
                        token = self._sent.pop(event.mid, None)
                        if token:
                            self._hooks.acknowledged(token, event.reason)
                    case Lost():
                        return event.code
            if connected and self._again:
                self._again = False
                self._intake.next_round()
                wire.subscribe(*FILTERS, WITNESS_FILTER, self._marker)
            if connected:
                self._publish(wire)
            if self._clock.mono_ns() - heard_ns > silent_ns:
                return "mqtt.silent" if connected else "mqtt.no-connack"
        return "mqtt.stopped"

    def _mark(self, wire: ConsoleWire) -> None:
        self._round += 1
        payload = json.dumps({"v": 1, "round": self._round}).encode()
        wire.publish(self._marker, payload, retain=False, clear=False)

    def _heard(self, event: Heard) -> None:
        if event.topic == self._marker:
            if event.payload == json.dumps({"v": 1, "round": self._round}).encode():
                self._hooks.synced()
        elif event.topic.startswith("edgeward/v1/ctl/"):
            self._hooks.witness(event.topic, event.payload)
        else:
            self._intake.put(event.topic, event.payload, retained=event.retained, envelope=event.envelope)

    def _publish(self, wire: ConsoleWire) -> None:
        while len(self._sent) < WINDOW:
            with self._lock:
                if not self._waiting:
                    return
                topic, payload, token = self._waiting.popleft()
            self._sent[wire.publish(topic, payload, retain=False, clear=False)] = token
