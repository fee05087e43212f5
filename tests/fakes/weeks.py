"""What a keeper with channels tells in simulated days without a broker, put into a real outbox file.

Guarantees: the rhythm and the sizes of the real agent: per channel a measurement every 5 s, a state every
300 s, a segment event every 60 s with all seven findings; for the box a measurement every 30 s and a ledger
head every 10 s. The clock is simulated, the file is real. `Account` says of every number what became of it.
"""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent.formats import ipc_v1 as ipc
from agent.formats import mqtt_v1
from agent.link.outbox import Limits, Outbox, Row
from agent.model.media import Signal
from agent.model.outgoing import Outgoing, Priority
from agent.runtime import telemetry
from tests.fakes.clock import FakeClock

BOX, BOOT = "ward-3-box-1", "41"
DAY_S = 86_400
MEASURED = ipc.Measured(
    width=1920,
    height=1080,
    frames=1499,
    expected_frames=1500,
    duration_ns=60_000_000_000,
    rate="30000/1001",
    bitrate_bps=8_123_456,
    gop_max_ns=2_000_000_000,
    longest_gap_ns=41_000_000,
    gaps=0,
    lost=1,
    duplicates=0,
    jitter_p99_ns=3_000_000,
)
FINDINGS: list[Any] = [
    {"rule": rule, "grade": "conforming", "measured": f"{value}", "required": f"{value}"}
    for rule, value in (
        ("size", "1920x1080 px"),
        ("codec", "h264"),
        ("rate", "29.970 Hz +- 5 %"),
        ("gop", "2.000 s, at most 4"),
        ("bitrate", "8123456 bit/s of 12000000"),
        ("gap", "0.041 s, at most 2.0"),
        ("audio", "no audio"),
    )
]


def messages(seconds: int, channels: int) -> Iterator[tuple[int, Outgoing]]:
    """What is told at which second, from the second after the start on."""
    names = [f"ch{number}" for number in range(channels)]
    view = telemetry.View(signal=Signal.PRESENT, measured=MEASURED, codec="h264", grade="conforming")
    head = Outgoing(
        entity="_",
        kind="ckpt",
        type="head",
        body={"note": "n" * 300},
        priority=Priority.STATE,
        retain=True,
        coalesce=True,
    )
    for second in range(1, seconds + 1):
        for number, name in enumerate(names):
            if second % 5 == 0:
                yield second, telemetry.channel_measurement(name, MEASURED, 400_000_000)
            if second % 60 == number % 60:
                yield second, segment(name, second // 60)
            if second % 300 == 0:
                state = telemetry.channel_state(
                    name, view, recording="r" * 36, segments=second, size_bytes=second
                )
                yield second, state
        if second % 30 == 0:
            yield (
                second,
                telemetry.box_measurement(
                    cpu_s=1.5,
                    rss_bytes=60_000_000,
                    free_bytes=10**12,
                    outbox_rows=second,
                    outbox_failures=0,
                    alarms=0,
                ),
            )
        if second % 10 == 0:
            yield second, head


def segment(channel: str, number: int) -> Outgoing:
    """A stored segment as the keeper tells it."""
    body: dict[str, Any] = {
        "recording": "01939f2a-7c00-7abc-8def-0123456789ab",
        "channel": channel,
        "number": number,
        "name": f"{number:08}.mp4.age",
        "start": "2026-11-24T00:00:00.000000Z",
        "duration_ms": 60_000,
        "size_bytes": 60_123_456,
        "sha256": "ab" * 32,
        "suite": "age-x25519",
        "final": True,
        "reason": "length",
        "frames": 1499,
        "frames_expected": 1500,
        "verdict": "conforming",
        "findings": FINDINGS,
        "leaf": number,
    }
    return Outgoing(entity=channel, kind="e", type="segment", body=body, priority=Priority.EVENT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dark:
    """What filling cost. Sizes in bytes."""

    puts: int
    seconds: float
    last_seq: int
    rss_early: int
    rss_late: int
    file_bytes: int
    classes: bytearray = field(repr=False)


def fill(path: Path, limits: Limits, *, seconds: int, channels: int) -> Dark:
    """So many simulated seconds without a broker. `classes[seq]` is 1 + the class of that number."""
    clock = FakeClock()
    outbox = Outbox.open(path, BOX, BOOT, limits)
    classes = bytearray(1)
    puts = now_s = early = 0
    began = time.monotonic()
    try:
        for second, message in messages(seconds, channels):
            clock.advance(second - now_s)
            if now_s <= seconds // 10 < second:
                early = resident_bytes()
            now_s = second
            seq = outbox.put(message, clock.now())
            puts += 1
            if seq >= len(classes):
                classes.extend(bytes(seq + 1 - len(classes)))
            classes[seq] = 1 + message.priority
        last_seq = outbox.last_seq()
        classes.extend(bytes(last_seq + 1 - len(classes)))
        return Dark(
            puts=puts,
            seconds=time.monotonic() - began,
            last_seq=last_seq,
            rss_early=early,
            rss_late=resident_bytes(),
            file_bytes=disk_bytes(path),
            classes=classes,
        )
    finally:
        outbox.close()


def disk_bytes(path: Path) -> int:
    """The file with SQLite's two beside it."""
    return sum(each.stat().st_size for each in path.parent.glob(path.name + "*"))


def resident_bytes() -> int:
    """Resident memory of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


class Account:
    """Every number once: arrived, replaced, or told as lost."""

    def __init__(self, last_seq: int) -> None:
        self.arrived = bytearray(last_seq + 1)
        self.replaced = bytearray(last_seq + 1)
        self.lost = bytearray(last_seq + 1)
        self.newest: dict[Priority, int] = {}
        self.out_of_order = 0
        self.loss_events = 0
        self.declared = 0

    def take(self, topic: str, payload: bytes) -> int:
        """One message as it arrives, once. Gives its number."""
        fields = mqtt_v1.decode(payload)
        seq = int(fields["seq"])
        assert not self.arrived[seq], f"number {seq} came twice"
        self.arrived[seq] = 1
        for old in fields.get("replaces", []):
            self.replaced[old] = 1
        if topic.endswith("/e/data_loss"):
            self.loss_events += 1
            self.declared += int(fields["count"])
            for low, high in fields["ranges"]:
                assert not any(self.lost[low : high + 1]), "a number is told as lost twice"
                self.lost[low : high + 1] = b"\1" * (high + 1 - low)
        return seq

    def in_turn(self, priority: Priority, seq: int) -> None:
        """`seq` came in the order of its class, or is counted."""
        self.out_of_order += seq < self.newest.get(priority, 0)
        self.newest[priority] = seq

    def unexplained(self) -> list[int]:
        """Numbers of which nobody knows what became of them."""
        return [
            seq
            for seq in range(1, len(self.arrived))
            if not (self.arrived[seq] or self.replaced[seq] or self.lost[seq])
        ]

    def both(self) -> list[int]:
        """Numbers that are told as lost and came all the same."""
        return [seq for seq in range(1, len(self.arrived)) if self.arrived[seq] and self.lost[seq]]


def drain(outbox: Outbox, window: int = 16) -> Iterator[list[Row]]:
    """Everything, as the link takes it: a window at a time, forgotten when it was acknowledged."""
    while rows := outbox.claim(window, live_from=1 << 62):
        yield rows
        outbox.done(*[row.id for row in rows])


def fsync_s(folder: Path) -> float:
    """What one small fsync costs here, for judging the other figures."""
    descriptor = os.open(folder / "fsync", os.O_CREAT | os.O_WRONLY, 0o600)
    began = time.monotonic()
    for _ in range(50):
        os.pwrite(descriptor, b"x" * 4096, 0)
        os.fsync(descriptor)
    os.close(descriptor)
    return (time.monotonic() - began) / 50
