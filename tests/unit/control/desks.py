"""A desk over a real ledger in a folder, with a keeper that may stop and start again, for tests.

Guarantees: leaves are those of a real log; what was told is kept in `told`. Time is a fake clock's.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from agent.control.account import CommandAccount
from agent.control.desk import CommandDesk
from agent.formats.ledger_v1 import Leaf, LeafType
from agent.ledger.log import Ledger
from agent.ledger.signing import SigningKey
from agent.model.commands import Answer, Command, CommandType, Handler
from agent.model.outgoing import Json, Outgoing, Priority
from tests.fakes.clock import FakeClock
from tests.fakes.operators import Office, operators

BOX = "or-3"
KEY = SigningKey.generate(bytes(range(32)), f"edgeward.box/{BOX}")


@dataclass(slots=True)
class Notebook:
    """Implements the desk's `Register` over a ledger."""

    ledger: Ledger
    clock: FakeClock
    told: list[Outgoing] = field(default_factory=list)

    def leaf(
        self,
        kind: LeafType,
        body: Mapping[str, Json],
        *,
        event: bool = False,
        actor: str = "agent",
        authority: str = "policy",
    ) -> int:
        index = self.ledger.append(self.clock.now(), 1, kind, body, actor, authority)
        if event:
            self.told.append(_event(kind, body, index))
        return index

    def tell(self, message: Outgoing) -> None:
        self.told.append(message)


def _event(kind: LeafType, body: Mapping[str, Json], index: int) -> Outgoing:
    return Outgoing(
        entity="_", kind="e", type=kind.value, body={**body, "leaf": index}, priority=Priority.EVENT
    )


class DeskBox:
    """One box; `start` is a new life of its keeper over the same ledger."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = FakeClock()
        self.done: list[Command] = []
        self.handlers: dict[CommandType, Handler] = {
            CommandType.IDENTIFY: self._do,
            CommandType.PLAN_SET: self._do,
            CommandType.LEDGER_PROVE: self._do,
        }
        self.office = Office(BOX)
        self.start()

    def start(self) -> None:
        self.ledger = Ledger.open(self.folder, BOX, KEY)
        self.account = CommandAccount()
        for leaf in self.ledger.leaves():
            self.account.take(leaf)
        self.book = Notebook(self.ledger, self.clock)
        self.desk = CommandDesk(
            self.book, operators(), BOX, self.handlers, self.account, self.clock, os.urandom
        )
        self.office.nonce = str(self.desk.birth_facts()["cmd_nonce"])

    def crash(self) -> None:
        """The process is gone, the disk is as it was."""
        self.ledger.close()

    def leaves(self, *kinds: LeafType) -> list[Leaf]:
        return [leaf for leaf in self.ledger.leaves() if not kinds or leaf.type in kinds]

    def answers(self) -> list[tuple[str, str | None]]:
        """Status and reason of every answer that was told, in order."""
        bodies = [dict(one.body or {}) for one in self.book.told if one.kind == "res"]
        return [(str(one["status"]), None if one["reason"] is None else str(one["reason"])) for one in bodies]

    def _do(self, command: Command) -> Mapping[str, Json]:
        self.done.append(command)
        return {"n": len(self.done)}


def said(answer: Answer) -> tuple[str, str | None]:
    return answer.status.value, answer.reason
