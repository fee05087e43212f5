"""The witness program: boxes' checkpoints in over MQTT, cosignatures and alarms out.

Guarantees: the answer to a message is made by `agent/ledger/witness.py` and durable before it is published;
a contradiction is on stderr and in the retained status at once and after each start; a lost connection is
tried again with jitter. A message that the process took and did not answer before it died is lost: boxes
publish unanswered heads again. Leaves out the configuration file (`witness_config_v1.py`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from select import select

from agent.formats.witness_v1 import HEADS, Answer, cosign_topic, decode_head, encode_answer
from agent.ledger.witness import CONTRADICTIONS, DAMAGED, Witness
from agent.link.backoff import reconnect_delay_s, refused_delay_s
from agent.link.waker import Waker
from agent.link.wire import Connack, Inbound, LinkSettings, Lost, Suback
from agent.link.witness_wire import WitnessWire
from agent.model.errors import Halt, Refuse, Retry
from agent.model.outgoing import Json
from agent.model.ports.clock import Clock
from agent.model.times import NS_PER_S, rfc3339

STATUS = "edgeward/v1/ctl/a/witness/"
CONNACK_S = 10
_REFUSED = 0x80
_WAIT_S = 1.0
# Said to the box, which acts on them; what else is refused may come from anybody and gets no answer.
_ANSWERED = (*CONTRADICTIONS, "witness.need-proof", "witness.stopped", "witness.late")


@dataclass(frozen=True, slots=True)
class Publication:
    """What to publish with QoS 1."""

    topic: str
    payload: bytes
    retain: bool = False


class WitnessDesk:
    """Answers messages. Knows nothing of connections."""

    def __init__(self, name: str, witness: Witness, clock: Clock, log: Callable[[str], None]) -> None:
        self._topic = STATUS + name
        self._witness = witness
        self._clock = clock
        self._log = log

    def take(self, topic: str, payload: bytes) -> list[Publication]:
        """The answer to one message of a box. Raises `disk.*`: then nothing was cosigned.

        A box whose state is damaged gets no answer, and an alarm; the others go on.
        """
        try:
            message = decode_head(topic, payload)
        except Refuse as error:
            self._log(f"{topic}: {error.text} [{error.code}]")
            return []
        box = message.box
        try:
            note = self._witness.take(box, message.note, message.paths, message.sent, self._clock.now())
        except Refuse as error:
            self._log(f"{box}: {error.text} [{error.code}]")
            if error.code not in _ANSWERED:
                return []
            head = self._witness.head(box)
            answer = Answer(
                witness=self._witness.name, code=error.code, size=None if head is None else head.size
            )
            alarm = [self.status()] if error.code in CONTRADICTIONS else []
            return [Publication(cosign_topic(box), encode_answer(answer)), *alarm]
        except Halt as error:
            if error.code != DAMAGED:
                raise
            return [self.status()]
        return [Publication(cosign_topic(box), encode_answer(Answer(witness=self._witness.name, note=note)))]

    def status(self) -> Publication:
        """The retained status: which logs are stopped, and why. Empty (it clears) when none is."""
        rows: list[Json] = []
        for box in self._witness.boxes:
            try:
                self._witness.head(box)
                stopped = self._witness.state(box).stopped
            except Halt as error:
                if error.code != DAMAGED:
                    raise
                self._log(f"ALARM {box}: {error.text} [{error.code}]")
                rows.append({"box": box, "code": error.code, "since": None})
                continue
            if stopped is not None:
                self._log(f"ALARM {box}: {stopped.text} [{stopped.code}]")
                rows.append({"box": box, "code": stopped.code, "since": rfc3339(stopped.at_wall_ns)})
        fields: dict[str, Json] = {"v": 1, "witness": self._witness.name, "stopped": rows}
        payload = json.dumps(fields, separators=(",", ":")).encode() if rows else b""
        return Publication(self._topic, payload, retain=True)


class WitnessLoop:
    """Connects, listens, answers, until `stop`."""

    def __init__(
        self,
        settings: LinkSettings,
        desk: WitnessDesk,
        clock: Clock,
        random: Callable[[], float],
        log: Callable[[str], None],
    ) -> None:
        self._settings = settings
        self._desk = desk
        self._clock = clock
        self._random = random
        self._log = log
        self._stopping = False
        self._waker = Waker()
        self._failures = 0

    def stop(self) -> None:
        """Ends `run` soon. May be called from a signal handler or another thread."""
        self._stopping = True
        self._waker.wake()

    def run(self) -> None:
        """Until `stop`. Raises what `WitnessDesk.take` raises."""
        try:
            while not self._stopping:
                delay_s = self._one_connection()
                if not self._stopping:
                    select([self._waker.out], [], [], delay_s)
        finally:
            self._waker.close()

    def _one_connection(self) -> float:
        """Serves until the connection is lost; gives the seconds to wait before the next."""
        wire = WitnessWire(self._settings)
        code = "mqtt.no-connack"
        try:
            wire.connect()
            code = self._serve(wire)
        except Retry as error:
            if not error.code.startswith("mqtt."):
                raise
            code = error.code
        finally:
            wire.close(clean=True)
        if self._stopping:
            return 0.0
        self._failures += 1
        refused = code == "mqtt.refused"
        delay_s = (
            refused_delay_s(self._random()) if refused else reconnect_delay_s(self._failures, self._random())
        )
        self._log(f"no connection to the broker [{code}]; next try in {delay_s:.0f} s")
        return delay_s

    def _serve(self, wire: WitnessWire) -> str:
        """Until stopped or lost; gives the code of the loss."""
        begun_ns, connected = self._clock.mono_ns(), False
        while not self._stopping:
            wire.pump(_WAIT_S, self._waker.out)
            while wire.events:
                event = wire.events.popleft()
                match event:
                    case Connack():
                        if event.reason >= _REFUSED:
                            return "mqtt.refused"
                        connected = True
                        wire.subscribe(HEADS)
                    case Suback():
                        if event.reason >= _REFUSED:
                            return "mqtt.refused"
                        self._failures = 0
                        self._log(f"listens to {HEADS}")
                        _publish(wire, [self._desk.status()])
                    case Inbound():
                        _publish(wire, self._desk.take(event.topic, event.payload))
                    case Lost():
                        return event.code
                    case _:
                        continue  # a PUBACK: boxes ask again for what was lost
            if not connected and self._clock.mono_ns() - begun_ns > CONNACK_S * NS_PER_S:
                return "mqtt.no-connack"
        return "mqtt.stopped"


def _publish(wire: WitnessWire, publications: Iterable[Publication]) -> None:
    for one in publications:
        wire.publish(one.topic, one.payload, retain=one.retain, clear=False)
