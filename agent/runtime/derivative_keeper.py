"""Supervision of the process of one derivative: it lives while a recording of its original is open.

Guarantees: without a policy that names its approver, a model with the right bytes and a purpose that this
version can do, nothing is made: one leaf `refused` and an alarm for each reason, asked again every
`ASK_AGAIN_S`; a policy file that changes ends the derivative's recording; each derivative recording belongs
to one recording of the original. A process that ends by itself is started again, one that is silent is
killed. The original waits for none of this. The caller calls `look` every second.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from dataclasses import replace

from agent.deid.text_rules import PartZone, device_text, text_duty
from agent.device.profile_match import DeviceFacts, ProfileMatch, Trust, declared, match_device
from agent.device.profiles import ProfileSet
from agent.formats.config_v1 import ChannelConfig, RtspSource
from agent.formats.ipc_v1 import (
    MAX_BYTES,
    DerivativeReady,
    DeviceTold,
    SourceOpened,
    StopChannel,
    Stopped,
    TextZones,
    Trouble,
    decode_from_channel,
    encode,
)
from agent.formats.ledger_v1 import LeafType
from agent.formats.profile_v1 import Kind
from agent.model.errors import AgentError, Halt, Refuse, Retry
from agent.model.media import GapCause
from agent.model.ports.clock import Clock
from agent.model.times import Instant
from agent.runtime.book import Book
from agent.runtime.channel_book import ChannelBook
from agent.runtime.derivative_config import ReadPolicy
from agent.runtime.derivative_labels import derivation, refused_body
from agent.runtime.derivative_settings import DerivativeSettings, encode_derivative
from agent.runtime.recordings import Derivation
from agent.runtime.telemetry import Alarm
from agent.runtime.zygote_client import Child, ZygoteClient

HUNG_S = 15.0
STOP_S = 8.0
RESTART_S = 0.5
LONGEST_RESTART_S = 10.0
ASK_AGAIN_S = 30.0
# So often a look compares the policy's file with the one that is followed.
POLICY_LOOKS = 10


class DerivativeKeeper:
    """One task beside its channel's. `channel` is the derivative's book, `original` its original's.

    `read_policy` raises `Refuse` for one that may not be followed; `settings` gives what the process needs
    for a policy; `media` is the feed's end of the hand-over.
    """

    def __init__(
        self,
        channel: ChannelBook,
        original: ChannelBook,
        read_policy: Callable[[], ReadPolicy],
        settings: Callable[[ReadPolicy], DerivativeSettings],
        media: socket.socket,
        zygote: ZygoteClient,
        book: Book,
        clock: Clock,
        log: Callable[[str], None],
        profiles: Callable[[], ProfileSet],
    ) -> None:
        self.channel = channel
        self._read_policy = read_policy
        self._original = original
        self._settings = settings
        self._media = media
        self._zygote = zygote
        self._book = book
        self._clock = clock
        self._log = log
        self._profiles = profiles
        self._wake = asyncio.Event()
        self._stopping = False
        self._ending = False
        self._follows: str | None = None
        self._policy: ReadPolicy | None = None
        self._ready: DerivativeReady | None = None
        self._refusal: tuple[str, str] | None = None
        self._looks = 0
        self._awaits_original = False
        self.child: Child | None = None

    def derivation(self) -> Derivation:
        """What the next recording is made of. Only called while there is a process that is ready."""
        if self._policy is None or self._ready is None or self._follows is None:
            raise RuntimeError("a derivative is opened when its process is ready")
        return derivation(self._original.config.id, self._follows, self._policy, self._ready)

    def ask_to_stop(self) -> None:
        """The segment is closed, then the process leaves."""
        self._stopping = True
        self._end()

    def look(self, _now: Instant) -> None:
        """Called every second: whether there is still an original, and the same policy."""
        self._looks += 1
        if self._awaits_original:
            if self._original.recording is not None:
                self._wake.set()
        elif self._follows is not None and (not self._is_original_open() or self._is_policy_other()):
            self._end()

    async def run(self) -> None:
        """Until stopped. Raises `Halt` when the book can't be written."""
        delay_s = RESTART_S
        while not self._stopping:
            recording = self._original.recording
            if recording is None:
                self._awaits_original = True
                await self._pause(None)
                self._awaits_original = False
                continue
            heard = await self._follow(recording.recording)
            if self._ending:
                self.channel.stopped(GapCause.STOPPED)
                delay_s = RESTART_S
            elif self._refusal is not None:
                self.channel.stopped(GapCause.REFUSED)
                await self._pause(ASK_AGAIN_S)
            else:
                delay_s = RESTART_S if heard > 10 else min(delay_s * 2, LONGEST_RESTART_S)
                await self._pause(delay_s)
        self.channel.stopped(GapCause.STOPPED)

    async def _follow(self, recording: str) -> int:
        """One life of a process, or why there is none. Returns how many messages were heard."""
        self._follows, self._ending, self._ready = recording, False, None
        try:
            self._policy = self._read_policy()
            return await self._one_life(self._policy)
        except Refuse as error:
            self._refuse(error.code, error.text, error.advice)
        except Retry as error:
            self._alarm(error.code, error.text, error.advice)
        finally:
            self._follows = None
        return 0

    async def _pause(self, seconds: float | None) -> None:
        """Until it is asked to stop, or the time is over; without one until `look` has found something."""
        self._wake.clear()
        if self._stopping:
            return
        try:
            await asyncio.wait_for(self._wake.wait(), seconds)
        except TimeoutError:
            return

    def _end(self) -> None:
        """The process closes its segment and leaves; the recording is closed."""
        self._ending = True
        self._wake.set()
        if self.child is not None:
            _send(self.child.end, encode(StopChannel()))

    def _is_original_open(self) -> bool:
        """Whether the recording that is followed is still the original's."""
        recording = self._original.recording
        return recording is not None and recording.recording == self._follows

    def _is_policy_other(self) -> bool:
        if self._looks % POLICY_LOOKS or self._policy is None:
            return False
        try:
            return self._read_policy() != self._policy
        except Refuse:
            return True

    async def _one_life(self, policy: ReadPolicy) -> int:
        """From fork to end. Returns how many messages were heard."""
        loop = asyncio.get_running_loop()
        died: asyncio.Future[str] = loop.create_future()

        def on_exit(how: str) -> None:
            if not died.done():
                died.set_result(how)

        child = await self._zygote.spawn(self.channel.config.id, on_exit, media=self._media, derives=True)
        self.child = child
        _send(child.end, encode_derivative(self._settings(policy)))
        if self._ending:
            self._end()
        heard, left_well = 0, False
        try:
            while data := await self._next(child):
                heard += 1
                left_well = self._take(child, data) or left_well
        finally:
            self.child = None
            child.end.close()
        how = await died
        if not left_well:
            self._log(f"channel {self.channel.config.id}: process ended: {how}")
            self.channel.process_died(how)
        return heard

    async def _next(self, child: Child) -> bytes:
        while True:
            limit_s = STOP_S if self._ending else HUNG_S
            try:
                receiving = asyncio.get_running_loop().sock_recv(child.end, MAX_BYTES)
                return await asyncio.wait_for(receiving, limit_s)
            except TimeoutError:
                self._log(f"channel {self.channel.config.id}: silent for {limit_s:.0f} s, killed")
                self._zygote.kill(child)
            except ConnectionResetError:
                return b""

    def _take(self, child: Child, data: bytes) -> bool:
        """True when the process said goodbye."""
        try:
            message = decode_from_channel(data)
            match message:
                case DerivativeReady():
                    self._ready, self._refusal = message, None
                    self._book.close_alarms(self.channel.config.id, "deid.")
                case Trouble() if self._ready is None:
                    self._refuse(message.code, message.text, message.advice)
                case SourceOpened() if self._ready is None or self._ending:
                    pass
                case SourceOpened() if not self._is_original_open():
                    self._end()  # these pictures belong to another recording
                case SourceOpened():
                    _send(child.end, encode(self._text_zones(message.device)))
                    # The device's own alarms are the original's.
                    order = self.channel.handle(replace(message, device=None))
                    if order is not None:
                        _send(child.end, encode(order))
                case Stopped():
                    return True
                case _:
                    order = self.channel.handle(message)
                    if order is not None:
                        _send(child.end, encode(order))
        except Halt:
            raise
        except AgentError as error:
            self._log(f"channel {self.channel.config.id}: {error}")
            self._alarm(error.code, error.text, error.advice)
        return False

    def _text_zones(self, told: DeviceTold | None) -> TextZones:
        """What the device's profile says of text; a file is no device, and the policy alone counts, as off
        line. `text_duty` decides what follows, here for the alarm and in the process for the pictures."""
        device = None
        if self._original.config.source.kind != "file":
            try:
                match = _match(self._original.config, told, self._profiles())
            except Refuse as error:
                self._alarm("deid.no-profiles", error.text, error.advice)
            else:
                device = device_text(match.profile)
                known = match.trust is not Trust.UNKNOWN_DEVICE
                device = replace(device, recognised=device.recognised and known)
        policy = self._policy
        unknown = policy is not None and not text_duty(policy.policy, device, (64, 64)).known
        self._book.hold_alarm(
            self.channel.config.id,
            "deid.unknown-text",
            "nobody knows where this device writes text: every picture of the derivative is filled whole"
            if unknown
            else None,
            "write its text zones into the policy, or into its profile (docs/formats/device-profile-v1.md)",
        )
        if device is None:
            return TextZones(profile=None, recognised=False, zones=None)
        zones = None if device.zones is None else tuple(map(_spelled, device.zones))
        return TextZones(profile=device.profile, recognised=device.recognised, zones=zones)

    def _refuse(self, code: str, text: str, advice: str) -> None:
        """Told once for each reason, as the plan's refusals are."""
        if self._refusal == (code, text):
            return
        self._refusal = (code, text)
        self._log(f"channel {self.channel.config.id}: {text}")
        self._book.close_alarms(self.channel.config.id, "deid.")
        body = refused_body(self.channel.config, code, text, advice)
        self._book.leaf(LeafType.REFUSED, body, entity=self.channel.config.id, event=True)
        self._alarm(code, text, advice)

    def _alarm(self, code: str, text: str, advice: str) -> None:
        entity = self.channel.config.id
        self._book.raise_alarm(Alarm(entity=entity, code=code, severity="critical", text=text, remedy=advice))


def _match(config: ChannelConfig, told: DeviceTold | None, profiles: ProfileSet) -> ProfileMatch:
    if config.source.kind == "synthetic":
        facts = DeviceFacts(kind=Kind.SYNTHETIC, driver="edgeward-synthetic")
    else:
        facts = DeviceFacts(
            kind=Kind(config.source.kind),
            manufacturer=None if told is None else told.manufacturer,
            model=None if told is None else told.model,
            firmware=None if told is None else told.firmware,
        )
    if isinstance(config.source, RtspSource) and config.source.profile is not None:
        return declared(profiles.profiles, config.source.profile, facts)
    return match_device(profiles.profiles, facts)


def _spelled(part: PartZone) -> tuple[str, str, str, str]:
    return str(part.x), str(part.y), str(part.width), str(part.height)


def _send(end: socket.socket, data: bytes) -> None:
    """A process that has just died is noticed by its end of the socket, not here."""
    try:
        end.send(data)
    except OSError:
        return
