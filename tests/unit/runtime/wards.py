"""A small box with a key authority beside it, for tests of tickets.

Guarantees: batches come in by the box's own door, recordings begin by the keeper's own function.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agent.formats.config_v1 import AgentConfig
from agent.formats.ledger_v1 import Leaf, LeafType
from agent.formats.tickets_v1 import Batch
from agent.model.outgoing import Json
from agent.runtime.recordings import OpenRecording, begin
from agent.runtime.ticket_batches import import_batch
from agent.runtime.tickets import TicketOffice
from tests.fakes.authorities import FakeAuthority
from tests.unit.runtime.vaults import Run, SmallBox


class Ward:
    """A small box with an authority; `level` and `kind` of its one channel can be set."""

    def __init__(self, root: Path) -> None:
        self.box = SmallBox(root)
        self.authority = FakeAuthority()
        self.state = self.box.config.box.state_dir

    def set(self, level: int, tickets: str | None = None) -> None:
        [channel] = self.box.config.channel
        changed = channel.model_copy(update={"level": level, "tickets": tickets})
        self.box.config = self.box.config.model_copy(update={"channel": (changed,)})

    def bring(self, count: int, **rest: object) -> Batch:
        batch = self.authority.batch(count, **rest)  # type: ignore[arg-type]
        self.store(self.authority.sign(batch))
        return batch

    def store(self, data: bytes, authority: FakeAuthority | None = None) -> Batch:
        verifier = (authority or self.authority).verifier
        return import_batch(self.state, data, verifier, "test-box", self.box.clock.now().wall_ns)

    @contextmanager
    def running(self) -> Iterator[tuple[Run, TicketOffice]]:
        with self.box.running() as run:
            yield run, self.office(run)

    def office(self, run: Run) -> TicketOffice:
        return TicketOffice(
            self.state, self.authority.verifier, "test-box", run.book, run.booted.past.tickets
        )

    def begin(self, run: Run, office: TicketOffice) -> OpenRecording:
        [channel] = self.config.channel
        self.box.clock.advance(1)
        return begin(
            self.box.vault, "test-box", channel, self.config.custodians, run.book,
            self.box.clock.now(), os.urandom, office,
        )  # fmt: skip

    @property
    def config(self) -> AgentConfig:
        return self.box.config

    def manifest(self, recording: OpenRecording) -> dict[str, Json]:
        found: dict[str, Json] = json.loads((recording.directory / "manifest.json").read_bytes())
        return found


def leaves(run: Run, kind: LeafType) -> list[Leaf]:
    return [leaf for leaf in run.booted.ledger.leaves() if leaf.type is kind]


def alarms(run: Run) -> set[str]:
    return {alarm.code for alarm in run.book.alarms}
