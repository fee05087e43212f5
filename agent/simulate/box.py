"""What one simulated box says, message by message. Pure: times and dice are arguments.

Guarantees: numbers rise by one; an alarm that is raised is cleared later. Rates are those of the agent:
a channel's measurement every 5 s, the box's every 30 s, a segment every 60 s, states every 300 s.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from agent.formats import mqtt_v1
from agent.formats.mqtt_v1 import Envelope
from agent.model.ids import new_uuid7
from agent.model.outgoing import Json, Outgoing, Priority
from agent.model.times import Instant, rfc3339

MEASURE_S, BOX_S, SEGMENT_S, STATE_S = 5, 30, 60, 300
_FRAMES = MEASURE_S * 25
_SEGMENT_BYTES = 30_000_000
_NAMES = ("Microscope", "Endoscope", "Room", "Monitor")


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One message as it goes out. `clear`: the payload is the envelope of an empty message."""

    topic: str
    payload: bytes
    retain: bool
    clear: bool = False


@dataclass(slots=True, kw_only=True)
class SimBox:
    """One box. `seconds` counts its life; `fault` is the channel whose signal is lost now."""

    name: str
    site: str
    channels: tuple[str, ...]
    boot: str
    nonce: str
    session: int = 0
    seq: int = 0
    leaves: int = 1
    seconds: int = 0
    fault: str | None = None

    def will(self, now: Instant) -> bytes:
        """For the connection that is to begin."""
        self.session += 1
        return mqtt_v1.encode_will(
            Envelope(box=self.name, boot=self.boot, session=self.session, seq=None, at=now)
        )

    def born(self, now: Instant) -> Iterator[Said]:
        """Birth, status and all retained messages, as after each CONNACK."""
        yield self._said("_", "birth", "box", self._birth(), now, retain=True)
        yield self._said("_", "status", "box", {"status": "online", "cause": None}, now, retain=True)
        yield from self._states(now)

    def leaves_us(self, now: Instant) -> Said:
        """The good-bye."""
        return self._said("_", "status", "box", {"status": "offline", "cause": "stopped"}, now, retain=True)

    def second(self, now: Instant, *, phase: int, dice: float) -> Iterator[Said]:
        """What is due in this second of its life; `phase` spreads a fleet over the minute."""
        self.seconds += 1
        tick = self.seconds + phase
        if tick % MEASURE_S == 0:
            for channel in self.channels:
                if channel != self.fault:
                    yield self._said(channel, "m", "channel", _measured(dice), now)
        if tick % BOX_S == 0:
            yield self._said("_", "m", "box", self._box(dice), now)
        if tick % SEGMENT_S == 0:
            for channel in self.channels:
                self.leaves += 1
                yield self._said(channel, "e", "segment", self._segment(channel, now), now)
            yield self._said("_", "state", "ledger", self._ledger(now), now, retain=True)
        if tick % STATE_S == 0:
            yield from self._states(now)

    def breaks(self, channel: str, now: Instant) -> Iterator[Said]:
        """A channel's signal is lost: the state, and an alarm."""
        self.fault = channel
        yield self._state(channel, now)
        body: dict[str, Json] = {
            "entity": channel, "code": "source.lost", "severity": "critical", "since": rfc3339(now.wall_ns),
            "text": "no signal", "remedy": "check the cable",
        }  # fmt: skip
        yield self._said(channel, "a", "source-lost", body, now, retain=True)

    def mends(self, now: Instant) -> Iterator[Said]:
        """The signal is back."""
        channel, self.fault = self.fault, None
        if channel is None:
            return
        yield self._state(channel, now)
        yield self._said(channel, "a", "source-lost", None, now, retain=True)

    def answers(self, topic: str, now: Instant) -> Iterator[Said]:
        """A command: taken and done, whatever it is. Its signatures are not looked at."""
        kind, cmd_id = topic.split("/")[-2:]
        for status in ("accepted", "succeeded"):
            self.leaves += 1
            body: dict[str, Json] = {
                "cmd_id": cmd_id, "type": kind, "status": status, "reason": None, "text": None,
                "advice": None, "result": None, "leaf": self.leaves,
            }  # fmt: skip
            yield self._said("_", "res", f"{kind}/{cmd_id}", body, now)

    def _states(self, now: Instant) -> Iterator[Said]:
        yield self._said("_", "state", "ledger", self._ledger(now), now, retain=True)
        for channel in self.channels:
            yield self._state(channel, now)

    def _state(self, channel: str, now: Instant) -> Said:
        lost = channel == self.fault
        body: dict[str, Json] = {
            "signal": "absent" if lost else "present",
            "recording": None if lost else new_uuid7(0, f"{self.name}/{channel}".encode()[-10:].rjust(10)),
            "width": None if lost else 1920, "height": None if lost else 1080,
            "rate_num": None if lost else 25, "rate_den": None if lost else 1,
            "codec": None if lost else "h264", "verdict": None if lost else "conforming",
            "segments": self.leaves, "bytes": self.leaves * _SEGMENT_BYTES, "restarts": 0,
        }  # fmt: skip
        return self._said(channel, "state", "channel", body, now, retain=True)

    def _birth(self) -> dict[str, Json]:
        named: list[Json] = [
            {
                "id": channel, "name": _NAMES[number % len(_NAMES)], "source": "v4l2", "category": "surgery",
                "level": 3, "width": 1920, "height": 1080, "rate": "25",
            }
            for number, channel in enumerate(self.channels)
        ]  # fmt: skip
        return {
            "site": self.site, "versions": {"agent": "simulated"}, "cmd_nonce": self.nonce,
            "channels": named,
            "commands": {"v": 1, "types": ["identify", "channel.start", "channel.stop", "maintenance"]},
        }  # fmt: skip

    def _ledger(self, now: Instant) -> dict[str, Json]:
        return {
            "leaves": self.leaves, "unwitnessed_leaves": 2, "unwitnessed_s": 20, "answers_refused": 0,
            "witnesses": [{"name": "main", "size": max(0, self.leaves - 2), "at": rfc3339(now.wall_ns)}],
        }  # fmt: skip

    def _box(self, dice: float) -> dict[str, Json]:
        return {
            "cpu_s": round(self.seconds * 0.2, 2), "rss_bytes": 90_000_000 + int(dice * 1_000_000),
            "free_bytes": 400_000_000_000 - self.leaves * _SEGMENT_BYTES, "outbox_rows": 0,
            "outbox_failures": 0, "alarms": 0 if self.fault is None else 1,
        }  # fmt: skip

    def _segment(self, channel: str, now: Instant) -> dict[str, Json]:
        return {
            "recording": "simulated", "channel": channel, "number": self.leaves, "name": f"{self.leaves:06}",
            "start": rfc3339(now.wall_ns), "duration_ms": SEGMENT_S * 1000, "size_bytes": _SEGMENT_BYTES,
            "sha256": "0" * 64, "suite": "none", "final": False, "reason": "length", "frames": 1500,
            "frames_expected": 1500, "verdict": "conforming", "findings": [], "leaf": self.leaves,
        }  # fmt: skip

    def _said(
        self, entity: str, kind: str, type_: str, body: Mapping[str, Any] | None, now: Instant, *,
        retain: bool = False,
    ) -> Said:  # fmt: skip
        self.seq += 1
        message = Outgoing(
            entity=entity, kind=kind, type=type_, body=None if body is None else dict(body),
            priority=Priority.EVENT, retain=retain,
        )  # fmt: skip
        envelope = Envelope(box=self.name, boot=self.boot, session=self.session, seq=self.seq, at=now)
        return Said(
            topic=mqtt_v1.topic(self.name, message), payload=mqtt_v1.encode(message, envelope),
            retain=retain, clear=body is None,
        )  # fmt: skip


def _measured(dice: float) -> dict[str, Json]:
    return {
        "rate_num": 25, "rate_den": 1, "bitrate_bps": int(3_800_000 + dice * 400_000), "frames": _FRAMES,
        "lost": 0, "duplicates": 0, "jitter_p99_ms": 2 + int(dice * 4), "durable_age_ms": 400,
    }  # fmt: skip
