"""What the keeper knows and writes about one channel, driven by its channel process's messages.

Guarantees: one leaf per segment, gap, opening and closing; a stretch that was not recorded becomes a gap
leaf with its cause when pictures come back; after a crash the unfinished segment is entered as it is.
Leaves out sockets and processes (`channel_keeper.py`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from agent.formats import ipc_v1 as ipc
from agent.formats.config_v1 import ChannelConfig
from agent.formats.ledger_v1 import LeafType
from agent.ledger.tree import leaf_hash, root_of
from agent.model.media import GapCause, Signal
from agent.model.outgoing import Json, Outgoing, Priority
from agent.model.ports.clock import Clock
from agent.model.times import rfc3339
from agent.model.verdict import Grade, worst
from agent.runtime.book import Alarm, Book
from agent.runtime.recordings import OpenRecording, begin
from agent.vault.layout import recording_dir, segment_name
from agent.vault.recovery import AdoptSegment
from agent.vault.store import sha256_of

NS_PER_MS = 1_000_000
# Below this a pause between two segments is the ordinary distance of frames, not a gap.
SHORTEST_GAP_NS = 300 * NS_PER_MS


@dataclass(slots=True, kw_only=True)
class Totals:
    """Of the open recording."""

    segments: int = 0
    frames: int = 0
    expected: int = 0
    gaps: int = 0
    size_bytes: int = 0
    hashes: list[bytes] = field(default_factory=list)
    grades: list[Grade] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class View:
    """What status and telemetry show."""

    signal: Signal = Signal.UNKNOWN
    measured: ipc.Measured | None = None
    codec: str | None = None
    grade: str | None = None
    durable_mono_ns: int | None = None
    durable_bytes: int = 0
    last_heard_mono_ns: int = 0
    opened_mono_ns: int = 0
    finished: bool = False
    restarts: int = 0


class ChannelBook:
    """One channel; called from the keeper's main thread only."""

    def __init__(
        self,
        config: ChannelConfig,
        *,
        vault: Path,
        box: str,
        custodians: tuple[str, ...],
        book: Book,
        clock: Clock,
        random: Callable[[int], bytes],
        last_end_wall_ns: int | None,
        last_cause: GapCause,
    ) -> None:
        self.config = config
        self._vault = vault
        self._box = box
        self._custodians = custodians
        self._book = book
        self._clock = clock
        self._random = random
        self.recording: OpenRecording | None = None
        self.totals = Totals()
        self.view = View()
        self._segment: ipc.SegmentOpened | None = None
        self._next_number = 0
        self._epoch_mono_ns: int | None = None
        self._end_wall_ns = last_end_wall_ns
        self._end_mono_ns: int | None = None
        self._cause: GapCause | None = last_cause if last_end_wall_ns is not None else None

    def handle(self, message: ipc.FromChannel) -> ipc.StartRecording | None:
        """Takes in one message; returns the order to send back, if any."""
        self.view.last_heard_mono_ns = self._clock.mono_ns()
        match message:
            case ipc.SourceOpened():
                return self._source_opened(message)
            case ipc.SourceLost():
                self._source_lost(message)
            case ipc.SegmentOpened():
                self._segment_opened(message)
            case ipc.SegmentClosed():
                self._segment_closed(message)
            case ipc.Progress():
                self._progress(message)
            case ipc.GapSeen():
                self._gap(GapCause.SIGNAL_LOST, message.from_mono_ns, message.to_mono_ns)
            case ipc.Trouble():
                self._trouble(message)
            case ipc.Stopped():
                self.close_recording(GapCause.STOPPED)
        return None

    def process_died(self, how: str) -> None:
        """The channel process is gone without having said so."""
        self.view.restarts += 1
        self.view.signal = Signal.UNKNOWN
        self._cause = GapCause.PROCESS_DIED
        if self._segment is not None and self.recording is not None:
            self._adopt_open_segment(self.recording, self._segment.number)
        self._book.raise_alarm(
            Alarm(
                entity=self.config.id,
                code="channel.died",
                severity="warning",
                text=f"the channel's process ended unexpectedly ({how}) and is started again",
                remedy="nothing to do once it records again; if it comes back, send the log to support",
            )
        )
        self.publish_state()

    def close_recording(self, cause: GapCause) -> None:
        """Writes the closing leaf. Does nothing when no recording is open."""
        if self.recording is None:
            return
        recording, totals = self.recording, self.totals
        body = closing_body(
            recording.recording,
            self.config.id,
            cause,
            totals,
            end_wall_ns=self._end_wall_ns,
            capsule_sha256=recording.capsule_sha256,
        )
        self.recording, self.totals = None, Totals()
        self._cause = cause
        self._next_number, self._epoch_mono_ns = 0, None
        self._book.leaf(LeafType.RECORDING_CLOSED, body, entity=self.config.id, event=True, checkpoint=True)
        self.publish_state()

    def publish_state(self) -> None:
        """The retained state of the channel."""
        view, totals = self.view, self.totals
        measured = view.measured
        body: dict[str, Json] = {
            "signal": view.signal.value,
            "recording": self.recording.recording if self.recording else None,
            "width": measured.width if measured else None,
            "height": measured.height if measured else None,
            "rate": measured.rate if measured else None,
            "codec": view.codec,
            "verdict": view.grade,
            "segments": totals.segments,
            "bytes": totals.size_bytes,
        }
        self._book.tell(
            Outgoing(
                entity=self.config.id,
                kind="state",
                type="channel",
                body=body,
                priority=Priority.STATE,
                retain=True,
                coalesce=True,
            )
        )

    def _source_opened(self, message: ipc.SourceOpened) -> ipc.StartRecording:
        self.view.signal = Signal.PRESENT
        self.view.opened_mono_ns = self._clock.mono_ns()
        self.view.codec = message.codec
        self._book.close_alarms(self.config.id, "source.")
        if self.recording is None:
            self.recording = begin(
                self._vault,
                self._box,
                self.config,
                self._custodians,
                self._book,
                self._clock.now(),
                self._random,
            )
        self.publish_state()
        return ipc.StartRecording(
            recording=self.recording.recording,
            directory=str(self.recording.directory),
            recipient=self.recording.recipient,
            next_number=self._next_number,
            epoch_mono_ns=self._epoch_mono_ns,
        )

    def _source_lost(self, message: ipc.SourceLost) -> None:
        self.view.signal = Signal.ABSENT
        if message.finished:
            self.view.finished = True
            self.close_recording(GapCause.STOPPED)
            self._cause = None
            return
        self._cause = GapCause.SOURCE_LOST
        self._book.raise_alarm(
            Alarm(
                entity=self.config.id,
                code=message.code,
                severity="critical",
                text=message.text,
                remedy=message.advice,
            )
        )
        self.publish_state()

    def _segment_opened(self, message: ipc.SegmentOpened) -> None:
        self._segment = message
        if self._epoch_mono_ns is None:
            self._epoch_mono_ns = message.start_mono_ns
        if self._end_mono_ns is not None:
            pause_ns = message.start_mono_ns - self._end_mono_ns
            if pause_ns > SHORTEST_GAP_NS:
                self._gap(self._cause or GapCause.SOURCE_LOST, self._end_mono_ns, message.start_mono_ns)
        elif self._end_wall_ns is not None and self._cause is not None:
            self._gap_walls(self._cause, self._end_wall_ns, message.start_wall_ns)
        self._cause = None
        for prefix in ("channel.", "disk.", "vault."):
            self._book.close_alarms(self.config.id, prefix)

    def _segment_closed(self, message: ipc.SegmentClosed) -> None:
        opened, recording = self._segment, self.recording
        if opened is None or recording is None or opened.number != message.number:
            return
        body: dict[str, Json] = {
            "recording": recording.recording,
            "channel": self.config.id,
            "number": message.number,
            "name": message.name,
            "start": rfc3339(opened.start_wall_ns),
            "duration_ms": message.measured.duration_ns // NS_PER_MS,
            "size_bytes": message.size_bytes,
            "sha256": message.sha256,
            "suite": recording.suite,
            "final": message.final,
            "reason": message.reason,
            "frames": message.measured.frames,
            "frames_expected": message.measured.expected_frames,
            "lost": message.measured.lost,
            "duplicates": message.measured.duplicates,
            "dropped": message.dropped,
            "rate": message.measured.rate,
            "width": message.measured.width,
            "height": message.measured.height,
            "verdict": message.grade,
            "findings": [
                {"rule": f.rule, "grade": f.grade, "measured": f.measured, "required": f.required}
                for f in message.findings
            ],
        }
        self._enter_segment(body, message.number)
        self.totals.frames += message.measured.frames
        self.totals.expected += message.measured.expected_frames
        self.totals.grades.append(Grade(message.grade))
        self.view.measured, self.view.grade = message.measured, message.grade
        self.view.durable_mono_ns = message.end_mono_ns
        self._end_mono_ns, self._end_wall_ns = message.end_mono_ns, message.end_wall_ns
        self.publish_state()

    def _adopt_open_segment(self, recording: OpenRecording, number: int) -> None:
        path = recording_dir(self._vault, recording.recording) / segment_name(number)
        if not path.exists():
            self._segment = None
            return
        status = path.stat()
        body = adopted_body(
            AdoptSegment(
                recording=recording.recording,
                number=number,
                path=str(path.relative_to(self._vault)),
                size_bytes=status.st_size,
                modified_wall_ns=status.st_mtime_ns,
            ),
            channel=self.config.id,
            sha256=sha256_of(path),
            suite=recording.suite,
        )
        self._enter_segment(body, number)
        now = self._clock.now()
        self._end_wall_ns = status.st_mtime_ns
        self._end_mono_ns = status.st_mtime_ns - now.wall_ns + now.mono_ns

    def _enter_segment(self, body: dict[str, Json], number: int) -> None:
        self._segment = None
        self._next_number = number + 1
        size_bytes, sha256 = body["size_bytes"], body["sha256"]
        if not isinstance(size_bytes, int) or not isinstance(sha256, str):
            raise TypeError("a segment has a size and a hash")
        self.totals.segments += 1
        self.totals.size_bytes += size_bytes
        self.totals.hashes.append(bytes.fromhex(sha256))
        self._book.leaf(LeafType.SEGMENT, body, entity=self.config.id, event=True)

    def _progress(self, message: ipc.Progress) -> None:
        if message.durable_mono_ns is not None:
            self.view.durable_mono_ns = message.durable_mono_ns
            self._end_wall_ns = message.durable_wall_ns
        self.view.durable_bytes = message.durable_bytes
        if message.measured is not None:
            self.view.measured = message.measured
            self._publish_measurement(message.measured)

    def _trouble(self, message: ipc.Trouble) -> None:
        self._cause = GapCause.DISK if message.code.startswith("disk.") else GapCause.DEVICE_ERROR
        self._book.raise_alarm(
            Alarm(
                entity=self.config.id,
                code=message.code,
                severity="critical",
                text=message.text,
                remedy=message.advice,
            )
        )
        self.publish_state()

    def _gap(self, cause: GapCause, from_mono_ns: int, to_mono_ns: int) -> None:
        now = self._clock.now()
        offset_ns = now.wall_ns - now.mono_ns
        self._gap_walls(cause, from_mono_ns + offset_ns, to_mono_ns + offset_ns)

    def _gap_walls(self, cause: GapCause, from_wall_ns: int, to_wall_ns: int) -> None:
        self.totals.gaps += 1
        self._book.leaf(
            LeafType.GAP,
            {
                "channel": self.config.id,
                "recording": self.recording.recording if self.recording else None,
                "cause": cause.value,
                "from": rfc3339(from_wall_ns),
                "to": rfc3339(to_wall_ns),
                "duration_ms": (to_wall_ns - from_wall_ns) // NS_PER_MS,
            },
            entity=self.config.id,
            event=True,
        )

    def _publish_measurement(self, measured: ipc.Measured) -> None:
        self._book.tell(
            Outgoing(
                entity=self.config.id,
                kind="m",
                type="channel",
                body={
                    "rate": measured.rate,
                    "bitrate_bps": measured.bitrate_bps,
                    "frames": measured.frames,
                    "lost": measured.lost,
                    "jitter_p99_ms": measured.jitter_p99_ns // NS_PER_MS,
                },
                priority=Priority.MEASUREMENT,
            )
        )


def adopted_body(found: AdoptSegment, *, channel: str, sha256: str, suite: str) -> dict[str, Json]:
    """The leaf of a segment that a crash left: what could not be known is null, never zero."""
    return {
        "recording": found.recording,
        "channel": channel,
        "number": found.number,
        "name": segment_name(found.number),
        "start": None,
        "duration_ms": None,
        "size_bytes": found.size_bytes,
        "sha256": sha256,
        "suite": suite,
        "final": False,
        "reason": "crash",
        "last_write": rfc3339(found.modified_wall_ns),
        "frames": None,
        "frames_expected": None,
        "verdict": None,
        "findings": [],
    }


def segments_root(hashes: list[bytes]) -> bytes:
    """The RFC 9162 tree over the SHA-256 of a recording's segments, in their order."""
    return root_of([leaf_hash(digest) for digest in hashes]) if hashes else hashlib.sha256().digest()


def closing_body(
    recording: str,
    channel: str,
    cause: GapCause,
    totals: Totals,
    *,
    end_wall_ns: int | None,
    capsule_sha256: str | None,
) -> dict[str, Json]:
    """The closing leaf: `root` is the RFC 9162 tree over the segments' SHA-256 in their order."""
    root = segments_root(totals.hashes)
    return {
        "recording": recording,
        "channel": channel,
        "cause": cause.value,
        "end": None if end_wall_ns is None else rfc3339(end_wall_ns),
        "segments": totals.segments,
        "frames": totals.frames,
        "frames_expected": totals.expected,
        "gaps": totals.gaps,
        "size_bytes": totals.size_bytes,
        "root": root.hex(),
        "capsule_sha256": capsule_sha256,
        "verdict": worst(totals.grades).value if totals.grades else None,
    }
