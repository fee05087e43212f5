"""The keeper's book: each fact becomes exactly one ledger leaf, then one message to the controller.

Guarantees: the leaf is durable before the message is queued; checkpoints are signed at once for facts
that ask for it, else at most every ten seconds (`tick`). A ledger that can't be written stops the
keeper (`Halt`); an outbox that can't be written never stops a recording, it is counted and told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from agent.formats.ledger_v1 import LeafType
from agent.ledger.log import Ledger
from agent.link.outbox import Outbox
from agent.model.errors import AgentError
from agent.model.outgoing import Json, Outgoing, Priority
from agent.model.ports.clock import Clock
from agent.model.times import NS_PER_S
from agent.runtime import telemetry
from agent.runtime.telemetry import Alarm

# Codes of alarms that outlive a restart.
AUDIT = "audit."
CHECKPOINT_BUSY_NS = 10 * NS_PER_S
CHECKPOINT_IDLE_NS = 60 * NS_PER_S
HEARTBEAT_NS = 300 * NS_PER_S


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
        self._seen_size = ledger.size
        self._grown_at_ns = clock.mono_ns()
        self._prove_from: frozenset[int] = frozenset()
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
        actor: str = "agent",
        authority: str = "policy",
    ) -> int:
        """Writes one fact; with `event` it is also told as `e/<kind>`. Returns the leaf's index.

        `actor` is who did it, `authority` the command or rule that allowed it.
        """
        index = self._ledger.append(self._clock.now(), self._boot, kind, body, actor, authority)
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

    def outbox_rows(self) -> int | None:
        """How many messages wait; None without an outbox, or when it can't be asked."""
        if self._outbox is None:
            return None
        try:
            return self._outbox.depth(self._clock.now()).total_rows
        except AgentError:
            self.outbox_failures += 1
            return None

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
        now = self._clock.now()
        self._ledger.append(now, self._boot, LeafType.ALARM_RAISED, telemetry.alarm_facts(alarm))
        self.tell(telemetry.alarm_raised(alarm, now.wall_ns))

    def hold_alarm(self, entity: str, code: str, text: str | None, remedy: str) -> None:
        """A warning that stands as long as there is a `text`; another text is another alarm."""
        standing = self._alarms.get((entity, code))
        if text is not None and standing is not None and standing.text == text:
            return
        self.close_alarms(entity, code)
        if text is not None:
            self.raise_alarm(Alarm(entity=entity, code=code, severity="warning", text=text, remedy=remedy))

    def close_alarms(self, entity: str, prefix: str) -> None:
        """Closes the alarms of `entity` whose code begins with `prefix`."""
        for key in [key for key in self._alarms if key[0] == entity and key[1].startswith(prefix)]:
            del self._alarms[key]
            self._close_alarm(*key, why="over")

    def close_inherited(self, alarms: Iterable[tuple[str, str]]) -> None:
        """Closes what an earlier run left raised: a cause that lasts raises its alarm anew.

        Alarms of abnormal access stay: they are closed by an acknowledgement alone (`audit_watch.py`).
        """
        for entity, code in alarms:
            if not code.startswith(AUDIT):
                self._close_alarm(entity, code, why="restart")

    def inherit(self, alarm: Alarm) -> None:
        """An alarm that an earlier run raised stands on: its leaf and its retained message are there."""
        self._alarms.setdefault((alarm.entity, alarm.code), alarm)

    def _close_alarm(self, entity: str, code: str, *, why: str) -> None:
        facts: dict[str, Json] = {"entity": entity, "code": code, "why": why}
        self._ledger.append(self._clock.now(), self._boot, LeafType.ALARM_CLOSED, facts)
        self.tell(telemetry.alarm_cleared(entity, code))

    @property
    def proven_from(self) -> frozenset[int]:
        """The sizes from which a published head comes with a path."""
        return self._prove_from

    def prove_from(self, sizes: Iterable[int]) -> None:
        """From now on a head comes with the paths from these sizes: those that the witnesses have."""
        self._prove_from = frozenset(sizes)

    def checkpoint(self) -> None:
        """Signs the tree as it is now and publishes the head with its consistency paths."""
        note = self._ledger.checkpoint(self._clock.now())
        self._checkpoint_at_ns = self._clock.mono_ns()
        self._checkpoint_size = size = self._ledger.size
        known = (old for old in self._prove_from if 0 < old <= size)
        self.tell(telemetry.ledger_head(note, {old: self._ledger.consistency_proof(old) for old in known}))

    def tick(self, *, busy: bool) -> None:
        """Writes a heartbeat and signs a checkpoint, each when one is due."""
        self._beat()
        age_ns = self._clock.mono_ns() - self._checkpoint_at_ns
        if self._checkpoint_size != self._ledger.size and age_ns >= (
            CHECKPOINT_BUSY_NS if busy else CHECKPOINT_IDLE_NS
        ):
            self.checkpoint()

    def _beat(self) -> None:
        """A silent ledger says every five minutes that it is silent because nothing happened."""
        now_ns = self._clock.mono_ns()
        if self._ledger.size == self._seen_size and now_ns - self._grown_at_ns >= HEARTBEAT_NS:
            self.leaf(LeafType.HEARTBEAT, {"alarms": len(self._alarms)})
        if self._ledger.size != self._seen_size:
            self._seen_size, self._grown_at_ns = self._ledger.size, now_ns
