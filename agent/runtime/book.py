"""The keeper's book: each fact becomes exactly one ledger leaf, then one message to the controller.

Guarantees: the leaf is durable before the message is queued; checkpoints are signed at once for facts
that ask for it, else at most every ten seconds (`tick`). A ledger that can't be written stops the
keeper (`Halt`); an outbox that can't be written never stops a recording, it is counted and told.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from agent.formats.ledger_v1 import LeafType
from agent.ledger.log import Ledger
from agent.link.outbox import Outbox
from agent.model.errors import AgentError
from agent.model.outgoing import Json, Outgoing, Priority
from agent.model.ports.clock import Clock
from agent.model.times import NS_PER_S, rfc3339

CHECKPOINT_BUSY_NS = 10 * NS_PER_S
CHECKPOINT_IDLE_NS = 60 * NS_PER_S


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """Something a person must look at. `code` is the error's stable code."""

    entity: str
    code: str
    severity: str
    text: str
    remedy: str


class Book:
    """One writer: the keeper's main thread."""

    def __init__(
        self, ledger: Ledger, outbox: Outbox | None, clock: Clock, boot: int, notify: Callable[[], None]
    ) -> None:
        self._ledger = ledger
        self._outbox = outbox
        self._clock = clock
        self._boot = boot
        self._notify = notify
        self._alarms: dict[tuple[str, str], Alarm] = {}
        self._checkpoint_at_ns = 0
        self._checkpoint_size = -1
        self.outbox_failures = 0

    @property
    def leaves(self) -> int:
        """How many leaves the ledger has."""
        return self._ledger.size

    @property
    def alarms(self) -> tuple[Alarm, ...]:
        """What is raised and not closed."""
        return tuple(self._alarms.values())

    def leaf(
        self,
        kind: LeafType,
        body: Mapping[str, Json],
        *,
        entity: str = "_",
        event: bool = False,
        checkpoint: bool = False,
    ) -> int:
        """Writes one fact; with `event` it is also told as `e/<kind>`. Returns the leaf's index."""
        index = self._ledger.append(self._clock.now(), self._boot, kind, body)
        if event:
            self.tell(
                Outgoing(
                    entity=entity,
                    kind="e",
                    type=kind.value,
                    body={**body, "leaf": index},
                    priority=Priority.EVENT,
                )
            )
        if checkpoint:
            self.checkpoint()
        return index

    def tell(self, message: Outgoing) -> None:
        """Queues a message. Reporting never stops recording (STD 4 c)."""
        if self._outbox is None:
            return
        try:
            self._outbox.put(message, self._clock.now())
        except AgentError:
            self.outbox_failures += 1
            return
        self._notify()

    def raise_alarm(self, alarm: Alarm) -> None:
        """Once per entity and code, until closed."""
        key = (alarm.entity, alarm.code)
        if key in self._alarms:
            return
        self._alarms[key] = alarm
        facts: dict[str, Json] = {
            "entity": alarm.entity,
            "code": alarm.code,
            "severity": alarm.severity,
            "text": alarm.text,
            "remedy": alarm.remedy,
        }
        self._ledger.append(self._clock.now(), self._boot, LeafType.ALARM_RAISED, facts)
        self.tell(
            Outgoing(
                entity=alarm.entity,
                kind="a",
                type=alarm.code.replace(".", "-"),
                body={**facts, "since": rfc3339(self._clock.now().wall_ns)},
                priority=Priority.ALARM,
                retain=True,
            )
        )

    def close_alarms(self, entity: str, prefix: str) -> None:
        """Closes the alarms of `entity` whose code begins with `prefix`."""
        for key in [key for key in self._alarms if key[0] == entity and key[1].startswith(prefix)]:
            alarm = self._alarms.pop(key)
            self._ledger.append(
                self._clock.now(),
                self._boot,
                LeafType.ALARM_CLOSED,
                {"entity": alarm.entity, "code": alarm.code},
            )
            self.tell(
                Outgoing(
                    entity=alarm.entity,
                    kind="a",
                    type=alarm.code.replace(".", "-"),
                    body=None,
                    priority=Priority.ALARM,
                    retain=True,
                )
            )

    def checkpoint(self) -> None:
        """Signs the tree as it is now and publishes the head."""
        note = self._ledger.checkpoint(self._clock.now())
        self._checkpoint_at_ns = self._clock.mono_ns()
        self._checkpoint_size = self._ledger.size
        self.tell(
            Outgoing(
                entity="_",
                kind="ckpt",
                type="head",
                body={"note": note.decode()},
                priority=Priority.STATE,
                retain=True,
                coalesce=True,
            )
        )

    def tick(self, *, busy: bool) -> None:
        """Signs a checkpoint when one is due."""
        age_ns = self._clock.mono_ns() - self._checkpoint_at_ns
        if self._checkpoint_size != self._ledger.size and age_ns >= (
            CHECKPOINT_BUSY_NS if busy else CHECKPOINT_IDLE_NS
        ):
            self.checkpoint()
