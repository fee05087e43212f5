"""The process of one derivative: takes the original's packets, masks, encodes, seals, tells the keeper.

Guarantees: the model's bytes are compared before it is loaded, and without policy, model and the keeper's
word on the device's text zones nothing is decoded; it never makes the original wait; it ends with the
keeper. Frames that are left out are counted in the segment, and a stretch without any is a gap with cause
`overload`. Leaves out the ledger and keys of recordings, which are the keeper's. What fails in a way that
nobody foresaw ends the process, with nothing unmasked encoded; the keeper starts it again.
"""

from __future__ import annotations

import os
import resource
import signal
import socket
from collections.abc import Callable, Iterable
from dataclasses import replace
from fractions import Fraction
from functools import partial
from pathlib import Path

from agent.deid.detector_profiles import detector_profile
from agent.deid.faces import CenterFace
from agent.deid.models import FACES, PinnedModel, load
from agent.deid.policy import check_can_be_done
from agent.deid.purposes import check_live
from agent.deid.text import PpOcr
from agent.deid.text_model import TEXT, text_profile
from agent.deid.text_rules import DeviceText, PartZone
from agent.deid.text_watch import TextWatch, text_settings
from agent.formats.deid_policy_v1 import DeidPolicy, parse
from agent.formats.ipc_v1 import (
    DerivativeReady,
    FromChannel,
    GapSeen,
    ModelTold,
    SegmentClosed,
    SourceLost,
    SourceOpened,
    StartRecording,
    StopChannel,
    Stopped,
    TextZones,
    ToChannel,
    Trouble,
)
from agent.host.clock import SystemClock
from agent.model.errors import AgentError, Halt, Refuse
from agent.model.media import CutReason, GapCause
from agent.model.ports.clock import Clock
from agent.model.times import NS_PER_S
from agent.runtime.derivative_handover import Coded, Feed, StreamTold
from agent.runtime.derivative_settings import DerivativeSettings, decode_derivative
from agent.runtime.derivative_stream import DerivedStream, Detectors, Made
from agent.runtime.derivative_tally import Tally
from agent.runtime.message_socket import KeeperGone, MessageSocket
from agent.runtime.recorder import Recorder

POLL_NS = 250_000_000
POLL_S = 0.25
START_TIMEOUT_S = 10.0
# No packets for this long: the original has lost its source, and what is inside can be finished.
SILENT_NS = 2 * NS_PER_S
# After a stop, what the original has handed over already is still recorded, for at most this long.
LAST_NS = 3 * NS_PER_S
# Whatever else runs on this box goes first, above all the originals.
NICE = 10

# The detectors that a policy asks for, and the models that they run.
MakeDetectors = Callable[[DeidPolicy], tuple[Detectors, tuple[PinnedModel, ...]]]


class _Stop(Exception):
    """The keeper said stop, or a signal came."""


class DerivativeProcess:
    """Runs until told to stop. One thread of its own; the detector's runtime may have others."""

    def __init__(
        self,
        keeper: MessageSocket,
        feed: Feed,
        settings: DerivativeSettings,
        clock: Clock,
        random: Callable[[int], bytes],
        make_detectors: MakeDetectors,
    ) -> None:
        self._keeper = keeper
        self._feed = feed
        self._settings = settings
        self._clock = clock
        self._make_detectors = make_detectors
        self._tally = Tally()
        self._recorder = Recorder(self._send, settings.channel, clock, random)
        self._stream: DerivedStream | None = None
        self._told: StreamTold | None = None
        self._zones: TextZones | None = None
        self._ordered = False
        self._packet_ns = 0
        self._stop_asked = False

    def ask_to_stop(self) -> None:
        """Async-signal safe: only sets a flag."""
        self._stop_asked = True

    def run(self) -> None:
        """Until the keeper says stop or dies, or at once when nothing may be made."""
        try:
            policy, detectors = self._prepared()
        except Refuse as error:
            self._trouble(error)
            self._keeper.send(Stopped())
            return
        try:
            self._follow(policy, detectors)
        except _Stop:
            self._take_the_last(policy, detectors)
            self._end(CutReason.STOPPED)
            self._keeper.send(Stopped())
        except KeeperGone:
            self._recorder.detach()

    def _prepared(self) -> tuple[DeidPolicy, Detectors]:
        policy = parse(self._settings.policy)
        if not isinstance(policy, DeidPolicy):
            raise Refuse("deid.bad-policy", "the policy is not one", "correct it")
        check_can_be_done(policy)
        check_live(policy)
        detectors, models = self._make_detectors(policy)
        profile = detector_profile(policy.detector)
        self._keeper.send(
            DerivativeReady(
                policy_sha256=self._settings.policy_sha256,
                profile=profile.name,
                models=tuple(
                    ModelTold(name=model.name, version=model.version, sha256=model.file_hash)
                    for model in models
                ),
                limits=profile.limits,
            )
        )
        return policy, detectors

    def _follow(self, policy: DeidPolicy, detectors: Detectors) -> None:
        next_poll_ns = 0
        while True:
            handed = self._feed.receive(POLL_S)
            now_ns = self._clock.mono_ns()
            if handed is not None:
                self._packet_ns = now_ns
                self._take(handed, policy, detectors)
            elif self._told is not None and now_ns - self._packet_ns > SILENT_NS:
                self._silent()
            if now_ns >= next_poll_ns:
                next_poll_ns = now_ns + POLL_NS
                self._handle(self._keeper.receive(0))
                self._recorder.beat()

    def _take(self, handed: StreamTold | Coded, policy: DeidPolicy, detectors: Detectors) -> None:
        """One message of the hand-over. A failure costs the rest of this stream's opening, and is told."""
        try:
            if isinstance(handed, StreamTold):
                self._facts(handed, policy, detectors)
            elif self._stream is not None:
                self._record(self._stream.take(handed, self._clock.mono_ns() - handed.arrived_ns))
        except AgentError as error:
            if error.code.startswith(("disk.", "vault.")):
                self._recorder.fail(CutReason.DISK)
            else:
                self._recorder.end(CutReason.SOURCE_LOST)
            self._stream = self._told = None
            self._trouble(error)

    def _facts(self, told: StreamTold, policy: DeidPolicy, detectors: Detectors) -> None:
        if self._told is not None and replace(told, hole=False) == replace(self._told, hole=False):
            if told.hole and self._stream is not None:
                self._record(self._stream.missed())
            return
        self._end(CutReason.SOURCE_LOST)
        self._zones, self._ordered = None, False
        self._keeper.send(
            SourceOpened(
                codec=told.codec, width=told.width, height=told.height, has_audio=False, device=told.device
            )
        )
        zones = self._await_word()
        self._told = told
        self._stream = DerivedStream(
            told,
            policy=policy,
            spec=self._settings.channel.spec,
            detectors=detectors,
            device=_device_text(zones),
            tally=self._tally,
        )
        self._recorder.source_opened(self._stream)

    def _await_word(self) -> TextZones:
        """Where this device writes text, and that a recording is open: the keeper says both."""
        while not self._ordered:
            message = self._keeper.receive(START_TIMEOUT_S)
            if message is None:
                break
            self._handle(message)
        if self._zones is None or not self._ordered:
            raise Halt(
                "channel.no-recording",
                "the keeper opened no recording for the derivative in time",
                "look at the keeper's log: the vault or the track's recipients may be the cause",
            )
        return self._zones

    def _record(self, made: Iterable[Made]) -> None:
        for one in made:
            self._recorder.take(one.captured)
            self._tally.shown(one.masked, one.at_ns)

    def _silent(self) -> None:
        self._end(CutReason.SOURCE_LOST)
        self._keeper.send(
            SourceLost(
                code="source.original",
                text="no pictures come from the original",
                advice="see the alarm of the original's channel; this ends with it",
                cause=GapCause.SOURCE_LOST.value,
                finished=False,
            )
        )

    def _end(self, reason: CutReason) -> None:
        """What is inside is recorded, and the segment ended."""
        stream, self._stream, self._told = self._stream, None, None
        if stream is not None:
            self._record(stream.drain())
        self._recorder.end(reason)

    def _take_the_last(self, policy: DeidPolicy, detectors: Detectors) -> None:
        until_ns = self._clock.mono_ns() + LAST_NS
        while self._clock.mono_ns() < until_ns:
            handed = self._feed.receive(0)
            if handed is None or (isinstance(handed, StreamTold) and handed.opening != self._opening):
                return
            self._take(handed, policy, detectors)

    @property
    def _opening(self) -> str | None:
        return None if self._told is None else self._told.opening

    def _handle(self, message: ToChannel | None) -> None:
        match message:
            case StartRecording():
                self._recorder.start(message)
                self._ordered = True
            case TextZones():
                self._zones = message
            case StopChannel():
                raise _Stop
            case None:
                pass
        if self._stop_asked:
            raise _Stop

    def _send(self, message: FromChannel) -> None:
        """What the recorder says, with what only this process knows."""
        if isinstance(message, SegmentClosed):
            counts = self._tally.take()
            message = replace(message, deid=counts, dropped=message.dropped + counts.dropped)
        elif isinstance(message, GapSeen) and self._tally.dropped_since_shown:
            message = replace(message, cause="overload")
        self._keeper.send(message)

    def _trouble(self, error: AgentError) -> None:
        self._keeper.send(Trouble(code=error.code, text=error.text[:1000], advice=error.advice[:1000]))


def main(end: socket.socket, media: socket.socket) -> None:
    """Entry in the forked child: waits for its settings, then follows the original."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.nice(NICE)
    keeper = MessageSocket(end)
    data = keeper.settings(START_TIMEOUT_S)
    if data is None:
        return
    settings = decode_derivative(data)

    process = DerivativeProcess(
        keeper, Feed(media), settings, SystemClock(), os.urandom, partial(detectors_in, Path(settings.models))
    )
    signal.signal(signal.SIGTERM, lambda _number, _frame: process.ask_to_stop())
    process.run()


def _device_text(told: TextZones) -> DeviceText | None:
    if told.profile is None:
        return None
    return DeviceText(
        profile=told.profile,
        recognised=told.recognised,
        zones=None
        if told.zones is None
        else tuple(PartZone(*(Fraction(part) for part in one)) for one in told.zones),
    )


def detectors_in(folder: Path, policy: DeidPolicy) -> tuple[Detectors, tuple[PinnedModel, ...]]:
    """What `policy` asks for, on the models in `folder`. Raises `Refuse` `deid.*` for other bytes."""
    faces = CenterFace(load(folder, FACES), detector_profile(policy.detector))
    if not policy.text:
        return Detectors(faces=faces), (FACES,)
    writing, profile = PpOcr(load(folder, TEXT)), text_profile(policy.detector)

    def watch(size: tuple[int, int], rate: Fraction) -> TextWatch:
        return TextWatch(writing, size, text_settings(profile, rate, both_ways=False))

    return Detectors(faces=faces, text=watch), (FACES, TEXT)
