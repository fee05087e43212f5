"""What the keeper knows and writes about one channel, driven by its channel process's messages.

Guarantees: one leaf per segment, gap, opening and closing; a stretch that was not recorded becomes a gap
leaf with its cause when pictures come back, when its cause changes and when the agent stops; after a
crash the unfinished segment is entered as it is; a stream that breaks the collection spec is an alarm
until it conforms again (`spec_alarms.py`). Leaves out sockets and processes (`channel_keeper.py`).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from agent.formats import ipc_v1 as ipc
from agent.formats.config_v1 import ChannelConfig, CustodianConfig
from agent.formats.ledger_v1 import LeafType
from agent.host.files import translate
from agent.model.errors import AgentError
from agent.model.media import GapCause, Signal
from agent.model.ports.clock import Clock
from agent.model.verdict import Grade
from agent.runtime import leaves, telemetry
from agent.runtime.book import Book
from agent.runtime.device_alarms import DeviceAlarms
from agent.runtime.recordings import Derivation, OpenRecording, begin
from agent.runtime.spec_alarms import SpecAlarms
from agent.runtime.telemetry import Alarm, View
from agent.runtime.tickets import TicketOffice
from agent.runtime.unrecorded import Stretch, Unrecorded
from agent.vault.layout import recording_dir, segment_name
from agent.vault.recovery import AdoptSegment, surely_recorded_until
from agent.vault.store import durable_sha256_of, make_durable, sha256_of


class ChannelBook:
    """One channel; called from the keeper's main thread only. `unrecorded` knows the earlier runs."""

    def __init__(
        self,
        config: ChannelConfig,
        *,
        vault: Path,
        box: str,
        custodians: CustodianConfig,
        book: Book,
        clock: Clock,
        random: Callable[[int], bytes],
        unrecorded: Unrecorded,
        tickets: TicketOffice | None = None,
        derivation: Callable[[], Derivation] | None = None,
    ) -> None:
        """`derivation`: what a derivative's next recording is made of."""
        self.config = config
        self._vault = vault
        self._box = box
        self._custodians = custodians
        self._book = book
        self._clock = clock
        self._random = random
        self._unrecorded = unrecorded
        self._tickets = tickets
        self._derivation = derivation
        self._spec_alarms = SpecAlarms(config.id, book)
        self._device_alarms = DeviceAlarms(config.id, book)
        self.recording: OpenRecording | None = None
        self.totals = leaves.Totals()
        self.view = View()
        self._segment: ipc.SegmentOpened | None = None
        self._next_number = 0
        self._epoch_mono_ns: int | None = None

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
            case ipc.FindingsChanged():
                self._spec_alarms.findings_changed(message)
            case ipc.GapSeen():
                self._gap_seen(message)
            case ipc.Trouble():
                return self._trouble(message)
            case ipc.Stopped():
                self.stopped()
        return None

    def process_died(self, how: str) -> None:
        """The channel process is gone without having said so."""
        self.view.restarts += 1
        self.view.signal = Signal.UNKNOWN
        self.view.durable_mono_ns = None  # the next process has nothing durable yet
        if self.recording is not None:
            # A process that died between making a file and saying so has left one that we were not told of.
            number = self._next_number if self._segment is None else self._segment.number
            self._adopt_open_segment(self.recording, number)
        self._because(GapCause.PROCESS_DIED)
        self._alarm(
            "channel.died",
            "warning",
            f"the channel's process ended unexpectedly ({how}) and is started again",
            "nothing to do once it records again; if it comes back, send the log to support",
        )
        self.publish_state()

    def stopped(self, cause: GapCause = GapCause.STOPPED) -> None:
        """Collecting has ended: what is missing so far is entered, and the recording is closed."""
        self._because(cause)
        self.close_recording(cause)

    def close_recording(self, cause: GapCause) -> None:
        """Writes the closing leaf. Does nothing when no recording is open."""
        if self.recording is None:
            return
        recording, totals = self.recording, self.totals
        body = leaves.closing_body(
            recording.recording,
            self.config.id,
            cause,
            totals,
            end_wall_ns=self._unrecorded.last_picture_wall_ns,
            capsule_sha256=recording.capsule_sha256,
        )
        self.recording, self.totals = None, leaves.Totals()
        self._next_number, self._epoch_mono_ns = 0, None
        self._book.leaf(LeafType.RECORDING_CLOSED, body, entity=self.config.id, event=True, checkpoint=True)
        self.publish_state()

    def publish_state(self) -> None:
        """The retained state of the channel."""
        self._book.tell(
            telemetry.channel_state(
                self.config.id,
                self.view,
                recording=self.recording.recording if self.recording else None,
                segments=self.totals.segments,
                size_bytes=self.totals.size_bytes,
            )
        )

    def _source_opened(self, message: ipc.SourceOpened) -> ipc.StartRecording:
        self.view.signal = Signal.PRESENT
        self.view.opened_mono_ns = self._clock.mono_ns()
        self.view.codec = message.codec
        self._book.close_alarms(self.config.id, "source.")
        self._device_alarms.source_opened(message)
        if self.recording is None:
            self.recording = begin(
                self._vault,
                self._box,
                self.config,
                self._custodians,
                self._book,
                self._clock.now(),
                self._random,
                self._tickets,
                None if self._derivation is None else self._derivation(),
            )
        self.publish_state()
        return self._order(self.recording)

    def _order(self, recording: OpenRecording) -> ipc.StartRecording:
        return ipc.StartRecording(
            recording=recording.recording,
            directory=str(recording.directory),
            recipient=recording.recipient,
            next_number=self._next_number,
            epoch_mono_ns=self._epoch_mono_ns,
        )

    def _source_lost(self, message: ipc.SourceLost) -> None:
        self.view.signal = Signal.ABSENT
        if message.finished:
            self.view.finished = True
            self.close_recording(GapCause.STOPPED)
            return
        self._because(GapCause.SOURCE_LOST)
        self._alarm(message.code, "critical", message.text, message.advice)
        self.publish_state()

    def _segment_opened(self, message: ipc.SegmentOpened) -> None:
        self._segment = message
        self._spec_alarms.segment_opened(message.conformed)
        if self._epoch_mono_ns is None:
            self._epoch_mono_ns = message.start_mono_ns
        now = self._clock.now()
        # On today's wall clock, so that the two ends of a gap are measured with one clock.
        start_wall_ns = message.start_mono_ns + now.wall_ns - now.mono_ns
        self._enter_gap(self._unrecorded.resumed(start_wall_ns, message.start_mono_ns))
        for prefix in ("channel.", "disk.", "vault.", "media.", "zygote."):
            self._book.close_alarms(self.config.id, prefix)

    def _segment_closed(self, message: ipc.SegmentClosed) -> None:
        opened, recording = self._segment, self.recording
        if opened is None or recording is None or opened.number != message.number:
            return
        self._segment = None
        if not message.final:
            message = self._as_it_is(recording, opened, message)
        body = leaves.segment_body(
            opened, message, recording=recording.recording, channel=self.config.id, suite=recording.suite
        )
        self.totals.frames += message.measured.frames
        self.totals.expected += message.measured.expected_frames
        self.totals.grades.append(Grade(message.grade))
        self._count_file(message.number, message.size_bytes, message.sha256)
        self._book.leaf(LeafType.SEGMENT, body, entity=self.config.id, event=True)
        self.view.measured, self.view.grade = message.measured, message.grade
        self.view.durable_mono_ns = message.end_mono_ns
        self._unrecorded.recorded_until(message.end_wall_ns, message.end_mono_ns)
        self.publish_state()

    def _as_it_is(
        self, recording: OpenRecording, opened: ipc.SegmentOpened, message: ipc.SegmentClosed
    ) -> ipc.SegmentClosed:
        """The report of a segment that the disk cut short: as long as it surely is, its file made durable."""
        surely_ns = max(0, message.end_mono_ns - opened.start_mono_ns)
        message = replace(message, measured=replace(message.measured, duration_ns=surely_ns))
        path = recording_dir(self._vault, recording.recording) / segment_name(message.number)
        try:
            durable = make_durable(path, doubted=True)
            return replace(
                message,
                sha256=sha256_of(path),
                size_bytes=_status(path).st_size,
                synced=None if durable else message.synced,
            )
        except AgentError:
            return message  # the disk's trouble is told by the process; `final` is false

    def _adopt_open_segment(self, recording: OpenRecording, number: int) -> None:
        opened, self._segment = self._segment, None
        path = recording_dir(self._vault, recording.recording) / segment_name(number)
        if not path.exists():
            return
        sha256 = durable_sha256_of(path, doubted=False)
        status = _status(path)
        body = leaves.adopted_body(
            AdoptSegment(
                recording=recording.recording,
                number=number,
                path=str(path.relative_to(self._vault)),
                size_bytes=status.st_size,
                modified_wall_ns=status.st_mtime_ns,
            ),
            channel=self.config.id,
            sha256=sha256,
            suite=recording.suite,
            opened=opened,
        )
        self._count_file(number, status.st_size, sha256)
        self._book.leaf(LeafType.SEGMENT, body, entity=self.config.id, event=True)
        now = self._clock.now()
        end_wall_ns = surely_recorded_until(status.st_size, status.st_mtime_ns)
        # Of a segment that we were not told of, nobody knows when it began.
        if opened is not None and end_wall_ns is not None:
            self._unrecorded.surely_recorded_until(end_wall_ns, end_wall_ns - now.wall_ns + now.mono_ns)

    def _count_file(self, number: int, size_bytes: int, sha256: str) -> None:
        self._next_number = number + 1
        self.totals.add_file(size_bytes, sha256)

    def _progress(self, message: ipc.Progress) -> None:
        if message.durable_mono_ns is not None:
            self.view.durable_mono_ns = message.durable_mono_ns
        self.view.durable_bytes = message.durable_bytes
        if message.measured is not None:
            self.view.measured, self.view.coarse = message.measured, message.coarse
            durable_ns = self.view.durable_mono_ns
            age_ns = None if durable_ns is None else self._clock.mono_ns() - durable_ns
            self._book.tell(telemetry.channel_measurement(self.config.id, message.measured, age_ns))

    def _trouble(self, message: ipc.Trouble) -> ipc.StartRecording | None:
        disk = message.code.startswith(("disk.", "vault."))
        self._because(GapCause.DISK if disk else GapCause.DEVICE_ERROR)
        self._alarm(message.code, "critical", message.text, message.advice)
        self.publish_state()
        if message.code != "vault.occupied" or self.recording is None or self._segment is not None:
            return None
        # A file that could not be taken away when its beginning failed: entered as it is, it blocks nothing.
        self._adopt_open_segment(self.recording, self._next_number)
        return self._order(self.recording)

    def _gap_seen(self, message: ipc.GapSeen) -> None:
        if self._segment is None:
            self._because(GapCause(message.cause))  # it ends where the next segment begins
            return
        now = self._clock.now()
        offset_ns = now.wall_ns - now.mono_ns
        self._enter_gap(
            Stretch(GapCause(message.cause), message.from_mono_ns + offset_ns, message.to_mono_ns + offset_ns)
        )

    def _because(self, cause: GapCause) -> None:
        self._enter_gap(self._unrecorded.because(cause, self._clock.now()))

    def _enter_gap(self, stretch: Stretch | None) -> None:
        if stretch is None:
            return
        self.totals.gaps += 1
        body = leaves.gap_body(
            self.config.id,
            self.recording.recording if self.recording else None,
            stretch.cause,
            stretch.from_wall_ns,
            stretch.to_wall_ns,
        )
        self._book.leaf(LeafType.GAP, body, entity=self.config.id, event=True)

    def _alarm(self, code: str, severity: str, text: str, remedy: str) -> None:
        self._book.raise_alarm(
            Alarm(entity=self.config.id, code=code, severity=severity, text=text, remedy=remedy)
        )


def _status(path: Path) -> os.stat_result:
    try:
        return path.stat()
    except OSError as error:
        raise translate(error, path, "looking at") from None
