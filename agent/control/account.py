"""What the ledger says of commands: counters, ids, answers, and what was accepted and never answered. Pure.

Guarantees: gathered from the leaves in their order it is the same as if the agent had never stopped, so
a restored state directory changes nothing; memory is bounded (the newest `MAX_FINISHED` answers). The
caller enters each leaf once: at boot with `take`, later with `enter` right after it was written.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from agent.formats.ledger_v1 import Leaf, LeafType
from agent.model.commands import CommandType, Status
from agent.model.outgoing import Json

MAX_FINISHED = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A command whose intent is durable and whose result is not. Without `key` it came unsigned."""

    cmd_id: str
    type: str
    signers: tuple[str, ...]
    key: str | None
    counter: int | None
    sha256: str
    note: str | None
    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """A command that was answered."""

    type: str
    sha256: str
    status: Status
    reason: str | None
    result: Mapping[str, Json] | None
    leaf: int


@dataclass(slots=True, kw_only=True)
class CommandAccount:
    """One per box."""

    counters: dict[str, int] = field(default_factory=dict)
    running: dict[str, Running] = field(default_factory=dict)
    finished: dict[str, Finished] = field(default_factory=dict)
    maintenance: bool = False

    def take(self, leaf: Leaf) -> None:
        """Takes in one leaf of any type."""
        self.enter(leaf.type, leaf.body, leaf.n)

    def enter(self, kind: LeafType, body: Mapping[str, Json], index: int) -> None:
        """Takes in what a leaf with this index says."""
        if kind is LeafType.COMMAND_ACCEPTED:
            self._accepted(body)
        elif kind is LeafType.COMMAND_RESULT:
            self._result(body, index)

    def _accepted(self, body: Mapping[str, Json]) -> None:
        cmd_id, note, signers = str(body["cmd_id"]), body["note"], body["signers"]
        attempt, key, counter = body["attempt"], body["key"], body["counter"]
        self.running[cmd_id] = Running(
            cmd_id=cmd_id,
            type=str(body["type"]),
            signers=tuple(map(str, signers)) if isinstance(signers, list) else (),
            key=key if isinstance(key, str) else None,
            counter=counter if isinstance(counter, int) else None,
            sha256=str(body["sha256"]),
            note=note if isinstance(note, str) else None,
            attempt=attempt if isinstance(attempt, int) else 1,
        )
        if isinstance(key, str) and isinstance(counter, int):
            self.counters[key] = max(counter, self.counters.get(key, 0))

    def _result(self, body: Mapping[str, Json], index: int) -> None:
        cmd_id, reason, result = str(body["cmd_id"]), body["reason"], body["result"]
        before = self.running.pop(cmd_id, None)
        status = Status(str(body["status"]))
        self.finished[cmd_id] = Finished(
            type=str(body["type"]),
            sha256=before.sha256 if before else "",
            status=status,
            reason=reason if isinstance(reason, str) else None,
            result=result if isinstance(result, dict) else None,
            leaf=index,
        )
        while len(self.finished) > MAX_FINISHED:
            del self.finished[next(iter(self.finished))]
        done = status is Status.SUCCEEDED and body["type"] == CommandType.MAINTENANCE.value
        if done and isinstance(result, dict):
            self.maintenance = result.get("on") is True
