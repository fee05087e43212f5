"""Small real vaults for tests of the runtime: booted, recorded into and recovered in this process.

Guarantees: every step goes through the functions that the keeper uses (`boot`, `begin`, `SegmentWriter`,
`recover`); only the leaves of finished segments are spelled here. Time is a fake clock's.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from agent.device.drivers import open_source
from agent.formats.config_v1 import AgentConfig, parse
from agent.formats.ledger_v1 import LeafType
from agent.model.ids import RecordingId
from agent.model.media import Stored
from agent.model.outgoing import Json
from agent.model.source_settings import Pace, SyntheticSettings
from agent.model.times import rfc3339
from agent.runtime.book import Book
from agent.runtime.boot import PUBLIC_NAME, Booted, boot, recover
from agent.runtime.recordings import OpenRecording, begin
from agent.runtime.segment_writer import SegmentPlace, SegmentWriter
from agent.runtime.verify import VerifyReport, verify_vault
from agent.seal.recording_key import KeyPair, new_key_pair
from agent.vault.layout import recording_dir, segment_name
from tests.fakes.clock import FakeClock

FRAMES = 30
CONFIG = """\
[box]
id = "test-box"
state_dir = "{root}/state"
vault_dir = "{root}/vault"
runtime_dir = "{root}/run"
[custodians]
recipients = ["{recipient}"]
[[channel]]
id = "ch0"
category = "dt"
purpose = "test"
lawful_basis = "test"
plan = {{ scene = "imaging-diagnosis", place = ["test-room"], responsible = "tester", policy = "test-1" }}
[channel.source]
kind = "synthetic"
[channel.spec]
width = 160
height = 128
rate = "25"
"""


def good(text: str) -> AgentConfig:
    config = parse(text)
    assert isinstance(config, AgentConfig), config
    return config


def no_sleep(_seconds: float) -> None:
    raise AssertionError("nothing had to wait")


@dataclass(slots=True)
class Run:
    """One life of a keeper: what `boot` opened, and its book."""

    booted: Booted
    book: Book

    def close(self) -> None:
        """Lets go of ledger and lock, as the end of a process does."""
        self.booted.ledger.close()
        os.close(self.booted.lock)


@dataclass(slots=True)
class SmallBox:
    """A box in `root`. `custodian` opens its recordings."""

    root: Path
    clock: FakeClock = field(default_factory=FakeClock)
    custodian: KeyPair = field(default_factory=lambda: new_key_pair(os.urandom))
    config: AgentConfig = field(init=False)

    def __post_init__(self) -> None:
        self.config = good(CONFIG.format(root=self.root, recipient=self.custodian.recipient))

    @property
    def vault(self) -> Path:
        return self.root / "vault"

    @property
    def vkey(self) -> str:
        return (self.root / "state" / PUBLIC_NAME).read_text().strip()

    def directory(self, recording: str) -> Path:
        return recording_dir(self.vault, RecordingId(recording))

    def file(self, recording: str, number: int) -> Path:
        return self.directory(recording) / segment_name(number)

    @contextmanager
    def running(self, *, recovered: bool = True) -> Iterator[Run]:
        """From boot to the end of the process, which writes no leaf: the same as a crash."""
        booted = boot(self.config, self.clock, os.urandom, no_sleep)
        run = Run(booted, Book(booted.ledger, None, self.clock, booted.boot, _nothing))
        try:
            if recovered:
                self.recover(run)
            yield run
        finally:
            run.close()

    def recover(self, run: Run) -> None:
        recover(self.vault, run.booted.past, run.book)
        run.book.checkpoint()

    def begin(self, run: Run) -> OpenRecording:
        [channel] = self.config.channel
        self.clock.advance(1)
        return begin(
            self.vault,
            self.config.box.id,
            channel,
            self.config.custodians,
            run.book,
            self.clock.now(),
            os.urandom,
        )

    def record(self, segments: int = 2, *, recordings: int = 1) -> list[str]:
        """Whole segments with their leaves, closed by the recovery of a second boot. Gives the ids."""
        names: list[str] = []
        with self.running() as run:
            for _ in range(recordings):
                opened = self.begin(run)
                for number in range(segments):
                    stored = write_segment(opened, number, self.clock)
                    enter(run, opened, stored, self.clock)
                names.append(opened.recording)
        with self.running():
            pass
        return names

    def verify(self) -> VerifyReport:
        return verify_vault(self.vault, self.vkey)


def write_segment(
    opened: OpenRecording,
    number: int,
    clock: FakeClock,
    *,
    says: dict[str, Json] | None = None,
    finish: bool = True,
    seconds: float = FRAMES / 25,
) -> Stored:
    """A segment file of the recording; `says` changes its description, `finish` False breaks it off."""
    settings = SyntheticSettings(
        width=160, height=128, rate=Fraction(25), gop_s=0.4, pace=Pace.FAST, seconds=seconds
    )
    source = open_source(settings, clock)
    facts: dict[str, Json] = {
        "v": 1,
        "recording": opened.recording,
        "number": number,
        "channel": "ch0",
        "start_wall": rfc3339(clock.now().wall_ns),
        "start_ns": number * round(seconds * 1e9),
        "level": 4,
        "category": "dt",
    }
    writer = SegmentWriter(
        SegmentPlace(
            directory=opened.directory,
            recording=RecordingId(opened.recording),
            number=number,
            recipient=opened.recipient,
            description=json.dumps({**facts, **(says or {})}).encode(),
        ),
        template=source.template,
        parameter_sets=None,
        random=os.urandom,
        mono_ns=clock.mono_ns,
    )
    for captured in source.packets():
        writer.add(captured)
    clock.advance(seconds)
    return writer.close() if finish else writer.abandon()


def enter(
    run: Run, opened: OpenRecording, stored: Stored, clock: FakeClock, *, number: int | None = None
) -> None:
    """The leaf of a segment."""
    number = stored.number if number is None else number
    run.book.leaf(
        LeafType.SEGMENT,
        {
            "recording": opened.recording,
            "channel": "ch0",
            "number": number,
            "name": segment_name(number),
            "start": rfc3339(clock.now().wall_ns),
            "duration_ms": FRAMES * 40,
            "size_bytes": stored.size_bytes,
            "sha256": stored.sha256,
            "suite": opened.suite,
            "final": stored.final,
            "reason": "length",
            "frames": FRAMES,
            "frames_expected": FRAMES,
            "verdict": "conforming",
            "findings": [],
        },
    )


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _nothing() -> None:
    return


Random = Callable[[int], bytes]
