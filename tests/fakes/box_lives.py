"""The lives of a box with one channel in one process: keeper and channel process on a disk that fails.

Guarantees: everything below the two processes' loops is the agent's own (`boot`, `recover`, `ChannelBook`,
`ChannelProcess` with its recorder); only forks, sockets and the event loop are left out, and the few lines
of `Keeper` and `ChannelKeeper` that answer a failure are spelled here as they are there. Time is a fake
clock's: a picture comes when the clock has been moved to it. Nothing sleeps.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cache
from pathlib import Path

import pytest
from av.packet import Packet

from agent.device.drivers import open_source
from agent.device.drivers.synthetic import SyntheticSource
from agent.formats.config_v1 import AgentConfig
from agent.formats.ipc_v1 import (
    FromChannel,
    SegmentClosed,
    StopChannel,
    Stopped,
    ToChannel,
    decode_from_channel,
    encode,
)
from agent.formats.ledger_v1 import LeafType
from agent.ledger.log import Ledger
from agent.model.errors import AgentError, Halt, Retry
from agent.model.ids import ChannelId
from agent.model.media import Captured, StreamFacts
from agent.model.ports.clock import Clock
from agent.model.source_settings import Pace, SourceSettings, SyntheticSettings
from agent.model.times import NS_PER_S
from agent.runtime import channel_process
from agent.runtime.book import Book
from agent.runtime.boot import Booted, boot, recover
from agent.runtime.channel_book import ChannelBook
from agent.runtime.channel_process import ChannelProcess
from agent.runtime.channel_settings import ChannelSettings
from agent.runtime.load_config import channel_settings
from agent.runtime.message_socket import KeeperGone
from agent.runtime.past import ChannelPast
from agent.runtime.telemetry import Alarm
from agent.runtime.unrecorded import Unrecorded
from agent.seal.recording_key import KeyPair, new_key_pair
from tests.fakes.clock import FakeClock
from tests.fakes.faulty_disk import CHANNEL, KEEPER, FaultyDisk, Stop
from tests.unit.runtime.vaults import good, no_sleep

RATE = 10
PERIOD_NS = NS_PER_S // RATE
SEGMENT_NS = NS_PER_S
_SYNTHETIC = SyntheticSettings(
    width=64, height=64, rate=Fraction(RATE), gop_s=0.5, bitrate_bps=60_000, pace=Pace.FAST, seconds=4.0
)
_CONFIG = """\
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
width = 64
height = 64
rate = "{rate}"
"""
# What may be made again by a new process before the test says that it will never record.
_MOST_PROCESSES = 6


@cache
def _encoded() -> tuple[SyntheticSource, tuple[tuple[bytes, bool, int], ...]]:
    """Four seconds of a synthetic camera: data, key frame or not, dts. Encoded once for all lives."""
    source = open_source(_SYNTHETIC, FakeClock())
    assert isinstance(source, SyntheticSource)
    return source, tuple((bytes(one.packet), one.is_key, one.dts) for one in source.packets())


def clear_patterns() -> tuple[bytes, ...]:
    """Bytes of pictures and of the inner description, which nothing on a disk may hold."""
    pictures = (data[-24:] for data, is_key, _ in _encoded()[1] if is_key and len(data) > 100)
    return (*pictures, b'"start_ns":', b"AGE-SECRET-KEY-")


@dataclass(frozen=True, slots=True)
class Play:
    """What a source does once open: after `frames` pictures it is lost, or (`stop`) the agent is stopped."""

    frames: int
    stop: bool = False


class _Source:
    """Implements the source port. The first picture is a key frame."""

    def __init__(self, box: BoxLives, play: Play, arrivals: Clock) -> None:
        self._box = box
        self._play = play
        self._arrivals = arrivals
        self._encoder, self._pictures = _encoded()

    @property
    def facts(self) -> StreamFacts:
        return self._encoder.facts

    @property
    def template(self) -> object:
        return self._encoder.template

    def packets(self) -> Iterator[Captured]:
        time_base = self.facts.time_base
        for number, (data, is_key, dts) in enumerate(self._pictures):
            if number == self._play.frames:
                if not self._play.stop:
                    raise Retry("source.lost", "the camera went away", "none", after_s=5.0)
                self._box.line.orders.append(StopChannel())
            self._box.clock.advance(1 / RATE)
            packet = Packet(data)
            packet.is_keyframe, packet.time_base, packet.pts, packet.dts = is_key, time_base, dts, dts
            self._box.handed.append(self._arrivals.now().wall_ns)
            yield Captured(packet, self._arrivals.mono_ns(), dts, dts, is_key, len(data))
        raise AssertionError("the channel process did not stop")

    def close(self) -> None:
        return


class Line:
    """The socket between both processes, as `MessageSocket` is for the channel process."""

    def __init__(self, box: BoxLives) -> None:
        self._box = box
        self.orders: list[ToChannel] = []
        self.left_well = False

    def send(self, message: FromChannel) -> None:
        self._box.hear(message)

    def receive(self, timeout_s: float) -> ToChannel | None:
        if self._box.keeper is None:
            raise KeeperGone
        if self.orders:
            return self.orders.pop(0)
        self._box.clock.advance(timeout_s)
        return None


@dataclass(slots=True)
class KeeperLife:
    """What a running keeper holds."""

    booted: Booted
    book: Book
    channel: ChannelBook


@dataclass(slots=True)
class BoxLives:
    """A box in `root`. `handed` are the arrivals of all pictures that the recorder was given (wall, ns).

    `must_be_there` holds the SHA-256 of each file that was told to be final, and what it is.
    """

    root: Path
    clock: FakeClock = field(default_factory=FakeClock)
    custodian: KeyPair = field(default_factory=lambda: new_key_pair(os.urandom))
    disk: FaultyDisk = field(init=False)
    config: AgentConfig = field(init=False)
    settings: ChannelSettings = field(init=False)
    keeper: KeeperLife | None = None
    line: Line = field(init=False)
    plays: list[Play] = field(default_factory=list)
    handed: list[int] = field(default_factory=list)
    must_be_there: dict[str, str] = field(default_factory=dict)
    ready_at_call: int = 0
    ended_wall_ns: int = 0
    failure: AgentError | None = None

    def __post_init__(self) -> None:
        self.root.mkdir()
        self.disk = FaultyDisk(self.root, lambda: self.clock.now().wall_ns)
        self.config = good(_CONFIG.format(root=self.root, recipient=self.custodian.recipient, rate=RATE))
        [channel] = self.config.channel
        self.settings = replace(
            channel_settings(self.config, channel), segment_ns=SEGMENT_NS, keep_free_bytes=0
        )
        self.line = Line(self)

    @property
    def vault(self) -> Path:
        return self.root / "vault"

    def live(self, *plays: Play) -> AgentError | None:
        """One run of the agent, from boot to its end. Returns what the keeper or its boot ended with.

        Passes on `Stop` when everything was stopped, and what is no `AgentError`: a defect.
        """
        self.disk.start(KEEPER, CHANNEL)
        self.plays = list(plays)
        with self.disk.installed(), pytest.MonkeyPatch.context() as patch:
            # A life that is cut off leaves objects to the collector; `stop` has closed their descriptors.
            patch.setattr(Ledger, "__del__", lambda _ledger: None)
            patch.setattr(channel_process, "open_source", self._open_source)
            try:
                self._boot()
                failure = self._run()
            except AgentError as error:
                failure = error
            finally:
                self.keeper = None
                self.disk.stop(KEEPER, CHANNEL)
                self.ended_wall_ns = self.clock.now().wall_ns
        return failure

    def _boot(self) -> None:
        """As `Keeper.run` and `Keeper._enter_boot`."""
        booted = boot(self.config, self.clock, os.urandom, no_sleep)
        book = Book(booted.ledger, None, self.clock, booted.boot, _nothing)
        book.leaf(LeafType.BOOT, {"vault": booted.vault_id, "torn": len(booted.ledger.torn)}, event=True)
        recover(self.vault, booted.past, book)
        book.checkpoint()
        [config] = self.config.channel
        past = booted.past.channels.get(ChannelId(config.id), ChannelPast())
        channel = ChannelBook(
            config,
            vault=self.vault,
            box=self.config.box.id,
            custodians=self.config.custodians,
            book=book,
            clock=self.clock,
            random=os.urandom,
            unrecorded=Unrecorded(past.end_wall_ns, past.cause),
        )
        self.keeper = KeeperLife(booted, book, channel)
        self.ready_at_call = len(self.disk.calls)

    def _run(self) -> AgentError | None:
        """As `ChannelKeeper.run` and the end of `Keeper.run`."""
        keeper = self.keeper
        assert keeper is not None
        self.failure = None
        try:
            for _ in range(_MOST_PROCESSES):
                how = self._one_process()
                if self.keeper is None or self.line.left_well:
                    break
                keeper.channel.process_died(how)
                if not self.plays:
                    break
                self.clock.advance(0.2)
            else:
                raise AssertionError("the channel's process dies again and again")
            if self.keeper is not None:
                keeper.channel.stopped()
        except Halt as error:
            self.failure = error
        if KEEPER in self.disk.dead:
            return None
        try:
            keeper.book.leaf(LeafType.SHUTDOWN, {"signals": 1}, event=True, checkpoint=True)
        except AgentError as error:
            self.failure = self.failure or error
        keeper.booted.ledger.close()
        return self.failure

    def _one_process(self) -> str:
        """A channel process from its start to its end; how it ended."""
        self.line = Line(self)
        self.disk.start(CHANNEL)
        try:
            with self.disk.acting(CHANNEL):
                process = ChannelProcess(self.line, self.settings, self.clock, os.urandom)  # type: ignore[arg-type]
                process.run()
        except AgentError as error:
            how = str(error)
        except KeeperGone:
            how = "the keeper is gone"
        except Stop:
            if KEEPER in self.disk.dead or CHANNEL not in self.disk.dead:
                raise
            how = "killed"
        else:
            return "ended"
        self.disk.stop(CHANNEL)
        return how

    def hear(self, message: FromChannel) -> None:
        """As `ChannelKeeper._take`, when the channel process has sent a message."""
        if isinstance(message, SegmentClosed) and message.final:
            self.must_be_there[message.sha256] = f"segment {message.number}, told final,"
        if self.keeper is None:
            raise KeeperGone
        try:
            with self.disk.acting(KEEPER):
                order = self._take(self.keeper, decode_from_channel(encode(message)))
        except Halt as error:
            self.failure, self.keeper = error, None
            raise KeeperGone from None
        except Stop:
            if CHANNEL in self.disk.dead:
                raise
            self.keeper = None
            raise KeeperGone from None
        self.line.orders += [order] if order is not None else []
        self.line.left_well = isinstance(message, Stopped) or self.line.left_well

    def _take(self, keeper: KeeperLife, message: FromChannel) -> ToChannel | None:
        try:
            return keeper.channel.handle(message)
        except Halt:
            raise
        except AgentError as error:
            keeper.book.raise_alarm(
                Alarm(
                    entity="ch0", code=error.code, severity="critical", text=error.text, remedy=error.advice
                )
            )
            return None

    def _open_source(self, _settings: SourceSettings, arrivals: Clock) -> _Source:
        """The next play; the stop of the agent when there is none left."""
        if not self.plays:
            self.line.orders.append(StopChannel())
            raise Retry("source.lost", "the play is over", "none", after_s=1.0)
        return _Source(self, self.plays.pop(0), arrivals)


def _nothing() -> None:
    return
