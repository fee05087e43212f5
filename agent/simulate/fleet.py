"""Many simulated boxes over real MQTT in one thread: connections, births, measurements, faults, answers.

Guarantees: each box is a connection of its own with its own client id and will, and at most the contract's
window in flight; a lost one comes back with the contract's jitter. `told` counts what the broker has
acknowledged. The caller raises the limit of open files first (`open_files`). Leaves out what boxes say
(`box.py`).
"""

from __future__ import annotations

import resource
import selectors
import signal
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from agent.formats import mqtt_v1
from agent.link.backoff import reconnect_delay_s
from agent.link.session import WINDOW
from agent.link.wire import Connack, Inbound, LinkSettings, Lost, Puback, Suback, Wire
from agent.model.errors import Refuse, Retry
from agent.model.ports.clock import Clock
from agent.model.times import NS_PER_S
from agent.simulate.box import Said, SimBox

SLICES = 10
CONNECTS_A_SLICE = 10
MOST_WAITING = 1000
FAULT_S = 45
_REFUSED = 0x80
_SPARE_FILES = 64


@dataclass(slots=True, kw_only=True)
class Told:
    """What the fleet did."""

    connected: int = 0
    sent: int = 0
    acknowledged: int = 0
    dropped: int = 0
    commands: int = 0
    raised: list[tuple[str, str, int]] = field(default_factory=list)


class SimWire(Wire):
    """The box's wire, moved by a selector that knows more than 1024 sockets."""

    def fileno(self) -> int | None:
        """What to wait for; None when there is no connection."""
        found = self._client.socket()
        return None if found is None else found.fileno()

    def move(self) -> None:
        """Reads and writes what can be."""
        sock: Any = self._client.socket()
        self._client.loop_read()
        # TLS may hold decoded bytes that the selector can't see.
        while getattr(sock, "pending", int)() and self._client.socket() is sock:
            self._client.loop_read()
        if self._client.want_write():
            self._client.loop_write()

    def misc(self) -> None:
        """Keep-alive; to be called every second or so."""
        self._client.loop_misc()
        if self._client.want_write():
            self._client.loop_write()


@dataclass(slots=True, kw_only=True)
class _Member:
    box: SimBox
    settings: LinkSettings
    due_ns: int = 0
    failures: int = 0
    wire: SimWire | None = None
    file: int | None = None
    up: bool = False
    fault_until: int = 0
    waiting: deque[Said] = field(default_factory=deque)
    flying: int = 0


class SimFleet:
    """See the module's text. `dice` gives numbers from 0 to 1."""

    def __init__(
        self, boxes: Iterable[SimBox], settings: LinkSettings, clock: Clock, dice: Callable[[], float], *,
        faults_per_minute: float = 0.0,
    ) -> None:  # fmt: skip
        self._members = [
            _Member(box=box, settings=replace(settings, box=box.name)) for box in boxes
        ]  # fmt: skip
        self._clock = clock
        self._dice = dice
        self._faults = faults_per_minute / 60 / SLICES
        self._selector = selectors.DefaultSelector()
        self.told = Told()

    def run(self, ended: Callable[[], bool]) -> None:
        """Until `ended`, which is asked ten times a second; then each box says good-bye."""
        slice_ns = NS_PER_S // SLICES
        following_ns, number = self._clock.mono_ns(), 0
        while not ended():
            self._wait(following_ns)
            if self._clock.mono_ns() >= following_ns:
                self._slice(number)
                number += 1
                following_ns += slice_ns
        self._leave()

    def _wait(self, until_ns: int) -> None:
        timeout_s = max(0.0, (until_ns - self._clock.mono_ns()) / NS_PER_S)
        for key, _ in self._selector.select(timeout_s):
            member: _Member = key.data
            if member.wire is not None:
                member.wire.move()
                self._events(member, member.wire)

    def _slice(self, number: int) -> None:
        now = self._clock.now()
        begun = 0
        for place in range(number % SLICES, len(self._members), SLICES):
            member = self._members[place]
            if member.wire is None:
                if begun < CONNECTS_A_SLICE and now.mono_ns >= member.due_ns:
                    begun += 1
                    self._connect(member)
                continue
            member.wire.misc()
            self._events(member, member.wire)
            if not member.up:
                continue
            box = member.box
            self._say(member, box.second(now, phase=place // SLICES, dice=self._dice()))
            if box.fault is not None and box.seconds >= member.fault_until:
                self._say(member, box.mends(now))
        if self._dice() < self._faults:
            self._break()

    def _break(self) -> None:
        member = self._members[int(self._dice() * len(self._members)) % len(self._members)]
        if not member.up or member.box.fault is not None:
            return
        box = member.box
        channel = box.channels[int(self._dice() * len(box.channels)) % len(box.channels)]
        member.fault_until = box.seconds + FAULT_S
        self.told.raised.append((box.name, channel, self._clock.now().wall_ns))
        self._say(member, box.breaks(channel, self._clock.now()))

    def _connect(self, member: _Member) -> None:
        wire = SimWire(member.settings, member.box.will(self._clock.now()))
        try:
            wire.connect()
        except Retry:
            self._lost(member)
            return
        member.wire, member.file = wire, wire.fileno()
        if member.file is not None:
            self._selector.register(member.file, selectors.EVENT_READ, member)

    def _events(self, member: _Member, wire: SimWire) -> None:
        while wire.events:
            match wire.events.popleft():
                case Connack(reason=reason) if reason >= _REFUSED:
                    self._lost(member)
                    return
                case Connack():
                    wire.subscribe(mqtt_v1.commands_filter(member.box.name))
                case Suback():
                    member.up, member.failures = True, 0
                    self.told.connected += 1
                    self._say(member, member.box.born(self._clock.now()))
                case Puback(reason=reason):
                    member.flying -= 1
                    self.told.acknowledged += reason < _REFUSED
                    self._pour(member)
                case Inbound(topic=topic):
                    self.told.commands += 1
                    self._say(member, member.box.answers(topic, self._clock.now()))
                case Lost():
                    self._lost(member)
                    return

    def _say(self, member: _Member, said: Iterable[Said]) -> None:
        for one in said:
            if len(member.waiting) >= MOST_WAITING:
                self.told.dropped += 1
                continue
            member.waiting.append(one)
        self._pour(member)

    def _pour(self, member: _Member) -> None:
        while member.wire is not None and member.waiting and member.flying < WINDOW:
            one = member.waiting.popleft()
            member.wire.publish(one.topic, one.payload, retain=one.retain, clear=one.clear)
            member.flying += 1
            self.told.sent += 1

    def _lost(self, member: _Member) -> None:
        self.told.connected -= member.up
        if member.file is not None:
            self._selector.unregister(member.file)
        if member.wire is not None:
            member.wire.close(clean=True)
        member.wire, member.file, member.up = None, None, False
        member.waiting.clear()
        member.flying = 0
        member.failures += 1
        member.due_ns = self._clock.mono_ns() + int(
            reconnect_delay_s(member.failures, self._dice()) * NS_PER_S
        )

    def _leave(self) -> None:
        for member in self._members:
            if member.wire is not None and member.up:
                said = member.box.leaves_us(self._clock.now())
                member.wire.publish(said.topic, said.payload, retain=said.retain, clear=said.clear)
                member.wire.misc()
                member.wire.close(clean=True)
        self._selector.close()


def open_files(boxes: int) -> None:
    """Raises the limit of open files as far as `boxes` need. Refuse `simulate.files`."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = boxes + _SPARE_FILES
    if soft >= needed:
        return
    if hard != resource.RLIM_INFINITY and hard < needed:
        text = f"{boxes} boxes need {needed} open files, {hard} are allowed"
        raise Refuse("simulate.files", text, "raise the limit (ulimit -n), or simulate fewer boxes")
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))


def until_a_signal(clock: Clock, seconds: float | None) -> Callable[[], bool]:
    """True after SIGTERM, SIGINT, or so many seconds."""
    caught: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda which, _frame: caught.append(which))
    end_ns = None if seconds is None else clock.mono_ns() + int(seconds * NS_PER_S)
    return lambda: bool(caught) or (end_ns is not None and clock.mono_ns() >= end_ns)
