"""What to do next on the connection to the broker: a pure state machine.

Guarantees: at most `min(16, Receive Maximum)` messages are in the client's hands; live messages go
before the backlog, whose rate begins low with each connection and grows as long as nobody is in its way; a
connection without inbound packets for twice the keep-alive counts as dead; tries follow `backoff`. It is
told what happened and returns what to do; it has no socket, no clock and no outbox. Times are monotonic
nanoseconds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

from agent.link.backoff import reconnect_delay_s, refused_delay_s
from agent.model.times import NS_PER_S

WINDOW = 16
# The backlog's rate with a new connection, and where its growth ends. It doubles once a second while no live
# message waits for room; it falls back when one does, and when the broker asks for a pause.
BACKLOG_ROWS_PER_S = 200
BACKLOG_MOST_PER_S = 12_800
_GROWTH_NS = NS_PER_S
CONNACK_DEADLINE_S = 15
QUOTA_PAUSE_S = 5
# At a stop, what waits still goes out for this long before the goodbye.
DRAIN_S = 2
_BURST = 2 * WINDOW
_REFUSED_FROM = 0x80
# MQTT 5, 2.4: client id, user name or password, not authorised, banned, authentication method.
_CREDENTIALS = frozenset({0x85, 0x86, 0x87, 0x8A, 0x8C})
# Packet identifier in use, quota exceeded: the same message may be welcome later.
_LATER = frozenset({0x91, 0x97})


class Phase(Enum):
    """Where the connection is."""

    WAITING = "waiting"
    CONNECTING = "connecting"
    ONLINE = "online"
    STOPPING = "stopping"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Connect:
    """Open a connection with a new session number in its will."""


@dataclass(frozen=True, slots=True)
class Announce:
    """Queue birth and status; with `forgotten` the broker has no session of ours: all retained ones too."""

    forgotten: bool


@dataclass(frozen=True, slots=True)
class Rebirth:
    """Queue birth and status again, and all retained messages."""


@dataclass(frozen=True, slots=True)
class Claim:
    """Take messages from the outbox and publish them."""

    limit: int
    backlog_limit: int
    only_critical: bool


@dataclass(frozen=True, slots=True)
class Done:
    """The broker has this message."""

    seq: int


@dataclass(frozen=True, slots=True)
class Refused:
    """The broker will not have this message."""

    seq: int
    reason: int


@dataclass(frozen=True, slots=True)
class Release:
    """The broker asks for this message later."""

    seq: int


@dataclass(frozen=True, slots=True)
class SayDraining:
    """Queue the retained status `draining` when more waits than goes out with the goodbye anyway."""


@dataclass(frozen=True, slots=True)
class SayOffline:
    """Queue the retained status `offline`, cause `stopped`, and tell its `seq` to `farewell_is`."""


@dataclass(frozen=True, slots=True)
class Close:
    """End the connection and put all claimed messages back. Only a `clean` end silences the will."""

    clean: bool


Action = Connect | Announce | Rebirth | Claim | Done | Refused | Release | SayDraining | SayOffline | Close


@dataclass(slots=True, kw_only=True)
class Session:
    """The state machine. `random` gives numbers in [0, 1)."""

    keepalive_s: int
    random: Callable[[], float]
    phase: Phase = Phase.WAITING
    last_error: str | None = None
    connects: int = 0
    _failures: int = 0
    _until_ns: int = 0
    _alive_ns: int = 0
    _silence_s: int = 0
    _window: int = WINDOW
    _tokens: float = _BURST
    _tokens_ns: int = 0
    _rate: int = BACKLOG_ROWS_PER_S
    _grows_ns: int = 0
    _pause_ns: int = 0
    _in_hand: set[int] = field(default_factory=set)
    _farewell: int | None = None
    _drain_until_ns: int | None = None
    _dry: bool = False
    _rebirth_ns: int | None = None

    @property
    def in_hand(self) -> int:
        """How many messages wait for their PUBACK."""
        return len(self._in_hand)

    @property
    def online(self) -> bool:
        """True from a good CONNACK to the loss of that connection."""
        return self.phase in (Phase.ONLINE, Phase.STOPPING)

    @property
    def ended(self) -> bool:
        """True when nothing more will happen."""
        return self.phase is Phase.STOPPED

    def tick(self, now: int) -> list[Action]:
        """Time went by, or the outbox may have something new."""
        if self.phase is Phase.WAITING and now >= self._until_ns:
            self.phase = Phase.CONNECTING
            self._until_ns = now + CONNACK_DEADLINE_S * NS_PER_S
            return [Connect()]
        if self.phase is Phase.CONNECTING and now >= self._until_ns:
            return self.lost("mqtt.no-connack", now)
        if self.online:
            if now - self._alive_ns > self._silence_s * NS_PER_S:
                return self.lost("mqtt.silent", now)
            return [*self._reborn(now), *self._claim(now)]
        return []

    def wait_s(self, now: int) -> float:
        """How long nothing can happen unless a packet or a new message comes; at most 1 s."""
        if self.phase in (Phase.WAITING, Phase.CONNECTING):
            return min(1.0, max(0.0, (self._until_ns - now) / NS_PER_S))
        if self._drain_until_ns is not None and self._dry and not self._in_hand:
            return 0.0
        if self.phase is Phase.ONLINE and self._tokens < 1 and len(self._in_hand) < self._window:
            return WINDOW / self._rate
        return 1.0

    def connack(
        self,
        reason: int,
        now: int,
        *,
        receive_maximum: int = 65535,
        keepalive_s: int | None = None,
        session_present: bool = False,
    ) -> list[Action]:
        """The broker answered. What it doesn't say has MQTT's default."""
        if self.phase is not Phase.CONNECTING:
            return []
        if reason >= _REFUSED_FROM:
            return self.lost(f"mqtt.connack-{reason:02x}", now, reason=reason)
        self.phase = Phase.ONLINE
        self.connects += 1
        self._alive_ns = now
        self._silence_s = 2 * (self.keepalive_s if keepalive_s is None else keepalive_s) or 1 << 31
        self._window = min(WINDOW, receive_maximum)
        self._tokens, self._tokens_ns, self._pause_ns = float(_BURST), now, 0
        self._slow_down(now)
        return [Announce(not session_present), *self._claim(now)]

    def rebirth(self, now: int, delay_s: float) -> None:
        """Say everything again, `delay_s` from now, or as soon as there is a connection after that."""
        self._rebirth_ns = now + round(delay_s * NS_PER_S)

    def inbound(self, now: int) -> None:
        """Bytes came from the broker."""
        self._alive_ns = now

    def claimed(self, seqs: list[int], backlog: int, now: int) -> None:
        """These were published; `backlog` of them were old. None: nothing waits that may go now."""
        self._dry = not seqs
        self._in_hand.update(seqs)
        self._tokens -= backlog
        if seqs and not backlog and len(self._in_hand) >= self._window:
            self._slow_down(now)  # live messages alone filled the window: more of them may wait

    def farewell_is(self, seq: int) -> None:
        """The `seq` of the last message, after whose PUBACK the connection ends."""
        self._farewell = seq

    def puback(self, seq: int, reason: int, now: int) -> list[Action]:
        """The broker answered a message. Below 0x80 it has it (0x10: nobody listens, kept all the same)."""
        if seq not in self._in_hand:
            return []
        self._in_hand.discard(seq)
        actions: list[Action] = []
        if reason < _REFUSED_FROM:
            self._failures = 0
            actions.append(Done(seq))
        elif reason in _LATER:
            self._pause_ns = now + QUOTA_PAUSE_S * NS_PER_S
            self._slow_down(now)
            actions.append(Release(seq))
        else:
            self.last_error = f"mqtt.puback-{reason:02x}"
            actions.append(Refused(seq, reason))
        if self.phase is Phase.STOPPING and seq == self._farewell:
            self.phase = Phase.STOPPED
            actions.append(Close(clean=True))
        return actions

    def lost(self, code: str, now: int, *, reason: int | None = None) -> list[Action]:
        """The connection or the try ended. `reason` is the broker's, when it gave one."""
        if self.phase in (Phase.WAITING, Phase.STOPPED):
            return []
        self.last_error = code
        self._in_hand.clear()
        if self._drain_until_ns is not None:
            self.phase = Phase.STOPPED
            return [Close(clean=False)]
        self.phase = Phase.WAITING
        self._failures += 1
        if reason in _CREDENTIALS:
            delay = refused_delay_s(self.random())
        else:
            delay = reconnect_delay_s(self._failures, self.random())
        self._until_ns = now + round(delay * NS_PER_S)
        return [Close(clean=False)]

    def stop(self, now: int) -> list[Action]:
        """End: send what waits, then say goodbye where there is somebody to say it to. To be asked often."""
        if self.phase is Phase.ONLINE:
            if self._drain_until_ns is None:
                self._drain_until_ns, self._dry = now + DRAIN_S * NS_PER_S, False
                return [SayDraining()]
            if now < self._drain_until_ns and not (self._dry and not self._in_hand):
                return []
            self.phase = Phase.STOPPING
            return [SayOffline()]
        if self.phase in (Phase.WAITING, Phase.CONNECTING):
            self.phase = Phase.STOPPED
            return [Close(clean=False)]
        return []

    def _reborn(self, now: int) -> list[Action]:
        if self._rebirth_ns is None or now < self._rebirth_ns or self.phase is not Phase.ONLINE:
            return []
        self._rebirth_ns = None
        return [Rebirth()]

    def _slow_down(self, now: int) -> None:
        self._rate, self._grows_ns = BACKLOG_ROWS_PER_S, now + _GROWTH_NS

    def _claim(self, now: int) -> list[Action]:
        elapsed = (now - self._tokens_ns) / NS_PER_S
        self._tokens = min(_BURST, self._tokens + elapsed * self._rate)
        if now >= self._grows_ns:
            self._rate = min(BACKLOG_MOST_PER_S, 2 * self._rate)
            self._grows_ns = now + _GROWTH_NS
        self._tokens_ns = now
        room = self._window - len(self._in_hand)
        if room <= 0 or now < self._pause_ns:
            return []
        return [Claim(room, max(0, int(self._tokens)), self.phase is Phase.STOPPING)]
