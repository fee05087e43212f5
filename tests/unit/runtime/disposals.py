"""A small box whose recordings can be held, asked for, approved and destroyed, in this process.

Guarantees: recordings are made by the code that the keeper uses (`begin`, `SegmentWriter`), commands go to
the real handlers; the clock is a fake one that is synchronised, the key authority is a fake one that signs
what the real one signs, and no real disk is told to discard anything.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import rfc8785

from agent.formats.config_v1 import AgentConfig
from agent.formats.ledger_v1 import Leaf, LeafType
from agent.formats.tickets_v1 import TicketClass
from agent.host.medium import Trimmed
from agent.ledger.check import read_leaves
from agent.ledger.log import Ledger
from agent.ledger.signing import Verifier
from agent.model.commands import Command, CommandType
from agent.model.ids import RecordingId, new_uuid7
from agent.model.media import GapCause, Stored
from agent.model.outgoing import Json
from agent.model.times import ClockQuality, Instant, rfc3339
from agent.runtime.book import Book
from agent.runtime.boot import Booted, boot, recover, signing_key
from agent.runtime.disposal import Disposal
from agent.runtime.disposal_context import DisposalContext
from agent.runtime.leaves import Totals, closing_body
from agent.runtime.recordings import begin
from agent.runtime.ticket_batches import import_batch
from agent.runtime.tickets import TicketOffice
from agent.seal.recording_key import KeyPair, new_key_pair
from agent.vault.layout import LEDGER, recording_dir
from tests.fakes.authorities import FakeAuthority
from tests.fakes.clock import FakeClock
from tests.unit.runtime.vaults import good, no_sleep, write_segment

DAY_S = 86_400
_CONFIG = """\
[box]
id = "test-box"
site = "Building 2"
state_dir = "{root}/state"
vault_dir = "{root}/vault"
runtime_dir = "{root}/run"
[custodians]
recipients = ["{recipient}", "{strong}"]
[tickets]
authority = "{authority}"
"""
_CHANNEL = """\
[[channel]]
id = "{id}"
category = "mm"
purpose = "test"
lawful_basis = "test"
plan = {{ scene = "equipment-monitoring", place = ["test-room"], responsible = "tester", policy = "test-1" }}
{more}
[channel.source]
kind = "synthetic"
[channel.spec]
width = 160
height = 128
rate = "25"
"""
CLINICAL = 'level = 4\n[channel.retention]\nrule = "clinical"\nkeep_days = 90'
WARD = "level = 2"
EVICTING = 'level = 2\non_disk_full = "evict-oldest-eligible"'
IMPORTANT = "level = 5"


class DoubtfulClock(FakeClock):
    """A fake clock whose quality a test can change."""

    quality = ClockQuality.SYNCED

    def now(self) -> Instant:
        return replace(super().now(), quality=self.quality)


@dataclass(slots=True)
class FakeTrim:
    """Says `said` after `polls` looks."""

    said: Trimmed = field(default_factory=lambda: Trimmed(done=True, text="fstrim: 1 GiB"))
    polls: int = 0
    started: list[Path] = field(default_factory=list)

    def start(self, path: Path) -> None:
        self.started.append(path)

    def result(self, waited_s: float) -> Trimmed | None:
        if self.polls:
            self.polls -= 1
            return None
        return self.said


@dataclass(slots=True)
class Life:
    """One life of a keeper."""

    booted: Booted
    book: Book
    context: DisposalContext
    disposal: Disposal
    office: TicketOffice | None

    @property
    def ledger(self) -> Ledger:
        return self.booted.ledger

    def alarms(self) -> set[str]:
        return {one.code for one in self.book.alarms if not one.code.startswith("tickets.")}


@dataclass(slots=True)
class DisposalBox:
    """A box in `root` with one channel for each of `channels`."""

    root: Path
    channels: tuple[str, ...] = (CLINICAL,)
    clock: DoubtfulClock = field(default_factory=DoubtfulClock)
    custodian: KeyPair = field(default_factory=lambda: new_key_pair(os.urandom))
    strong: KeyPair = field(default_factory=lambda: new_key_pair(os.urandom, "age-mlkem768x25519"))
    authority: FakeAuthority = field(default_factory=FakeAuthority)
    trim: FakeTrim = field(default_factory=FakeTrim)
    config: AgentConfig = field(init=False)
    text: str = field(init=False)
    commands: int = 0

    def __post_init__(self) -> None:
        self.configure(*self.channels)

    def configure(self, *channels: str, tickets: bool = True) -> None:
        """Another configuration from the next life on."""
        text = _CONFIG.format(
            root=self.root,
            recipient=self.custodian.recipient,
            strong=self.strong.recipient,
            authority=self.authority.key.verifier_key,
        )
        if not tickets:
            text = text[: text.index("[tickets]")]
        text += "".join(_CHANNEL.format(id=f"ch{n}", more=more) for n, more in enumerate(channels))
        self.text = text
        self.config = good(text)

    @property
    def vault(self) -> Path:
        return self.root / "vault"

    @property
    def state(self) -> Path:
        return self.root / "state"

    @property
    def vkey(self) -> str:
        return signing_key(self.config, os.urandom).verifier_key

    def directory(self, recording: str) -> Path:
        return recording_dir(self.vault, RecordingId(recording))

    def leaves(self, *kinds: LeafType) -> list[Leaf]:
        return [leaf for leaf in read_leaves(self.vault / LEDGER) if not kinds or leaf.type in kinds]

    def bring(self, count: int, *, level: int = 4, kind: TicketClass = TicketClass.RECORDING) -> None:
        """A batch of tickets at the box's door."""
        now_ns = self.clock.now().wall_ns
        batch = self.authority.batch(count, level=level, kind=kind, from_ns=now_ns)
        verifier = Verifier(self.authority.key.verifier_key)
        import_batch(self.state, self.authority.sign(batch), verifier, "test-box", now_ns)

    @contextmanager
    def running(self, book: Callable[[Booted], Book] | None = None) -> Iterator[Life]:
        """From boot to a crash."""
        booted = boot(self.config, self.clock, os.urandom, no_sleep)
        try:
            made = book(booted) if book else self.book(booted)
            recover(self.vault, booted.past, made)
            yield self.life(booted, made)
        finally:
            booted.ledger.close()
            os.close(booted.lock)

    def book(self, booted: Booted) -> Book:
        return Book(booted.ledger, None, self.clock, booted.boot, _nothing)

    def life(self, booted: Booted, book: Book) -> Life:
        context = DisposalContext.of(
            self.config,
            book=book,
            ledger=booted.ledger,
            account=booted.past.disposal,
            key=signing_key(self.config, os.urandom),
            clock=self.clock,
            random=os.urandom,
        )
        context.trim = self.trim
        office = None
        if self.config.tickets is not None:
            verifier = Verifier(self.config.tickets.authority)
            office = TicketOffice(self.state, verifier, "test-box", book, booted.past.tickets)
        return Life(booted, book, context, Disposal(context), office)

    def record(self, life: Life, channel: int = 0, segments: int = 1, *, close: bool = True) -> str:
        """One recording with real files; its id."""
        opened = begin(
            self.vault,
            "test-box",
            self.config.channel[channel],
            self.config.custodians,
            life.book,
            self.clock.now(),
            os.urandom,
            life.office,
        )
        totals = Totals()
        for number in range(segments):
            stored = write_segment(opened, number, self.clock)
            totals.add_file(stored.size_bytes, stored.sha256)
            life.book.leaf(LeafType.SEGMENT, _segment(opened.recording, opened.suite, stored))
        self.clock.advance(1)
        if close:
            body = closing_body(
                opened.recording,
                self.config.channel[channel].id,
                GapCause.STOPPED,
                totals,
                end_wall_ns=self.clock.now().wall_ns,
                capsule_sha256=opened.capsule_sha256,
            )
            life.book.leaf(LeafType.RECORDING_CLOSED, body)
        return opened.recording

    def command(self, kind: CommandType, *signers: str, **args: Json) -> Command:
        """A command that passed every check, with an id of its own."""
        self.commands += 1
        identity = new_uuid7(self.clock.now().wall_ns, self.commands.to_bytes(10, "big"))
        return Command(id=identity, type=kind, args=args, signers=signers or ("anna",))

    def ask(self, life: Life, *recordings: str, by: str = "anna", **more: Json) -> str:
        """Requests a destruction; the request's id."""
        args: dict[str, Json] = {"recordings": list(recordings), "reason": "term is over", **more}
        answer = life.disposal.destroy_request(self.command(CommandType.DESTROY_REQUEST, by, **args))
        return str(answer["request"])

    def approve(self, life: Life, request: str, *names: str) -> int:
        """One approval by each of `names`; how many there are then."""
        sha256 = life.context.refresh().requests[request].body["challenge_sha256"]
        count = 0
        for name in names:
            answer = life.disposal.destroy_approve(
                self.command(CommandType.DESTROY_APPROVE, name, request=request, challenge_sha256=sha256)
            )
            count = int(str(answer["approvals"]))
        return count

    def record_of(self, *tickets: str) -> str:
        """What the authority's record says after it destroyed these tickets."""
        document: dict[str, Json] = {
            "v": 1,
            "n": 3,
            "prev": "0" * 64,
            "at": rfc3339(self.clock.now().wall_ns),
            "type": "destroyed",
            "epoch": 2,
            "epoch_recipient": "age1pq-test",
            "body": {"tickets": [*sorted(tickets)], "reason": "term", "epoch_before": 1},
        }
        return self.authority.key.sign_note(rfc8785.dumps(document).decode() + "\n").decode()

    def ticket_of(self, life: Life, recording: str) -> str:
        ticket = life.context.refresh().recordings[recording].ticket
        assert ticket is not None
        return ticket

    def execution(self, request: str, *notes: str, by: str = "carl") -> Command:
        return self.command(CommandType.DESTROY_EXECUTE, by, request=request, records=list(notes))

    def certificate(self, request: str) -> bytes:
        return (self.state / "certificates" / f"{request}.note").read_bytes()

    def manifest(self, recording: str) -> dict[str, Json]:
        found: dict[str, Json] = json.loads((self.directory(recording) / "manifest.json").read_bytes())
        return found


def _segment(recording: str, suite: str, stored: Stored) -> dict[str, Json]:
    return {
        "recording": recording,
        "channel": "ch0",
        "number": stored.number,
        "name": stored.name,
        "start": rfc3339(FakeClock().now().wall_ns),
        "duration_ms": 1200,
        "size_bytes": stored.size_bytes,
        "sha256": stored.sha256,
        "suite": suite,
        "final": True,
        "reason": "length",
        "frames": 30,
        "frames_expected": 30,
        "verdict": "conforming",
        "findings": [],
    }


def _nothing() -> None:
    return
