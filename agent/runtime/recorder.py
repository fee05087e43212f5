"""The recording of one channel, inside its channel process: gate, cut, measure, judge, seal.

Guarantees: a packet is muxed into the open segment or counted as dropped; each ended segment is reported
once with what was measured, its verdict and its hash; segments carry their place in the recording inside.
The caller drives it and translates errors.
"""

from __future__ import annotations

import gc
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from agent.capture.bitstream import PictureSize, picture_size
from agent.capture.conform import ConformedSource
from agent.capture.fragment_mux import parameter_sets
from agent.capture.measure import Measurement
from agent.capture.segmenter import Action, Segmenter
from agent.capture.watch import StreamWatch
from agent.formats.ipc_v1 import (
    ConformedTold,
    Delivered,
    FindingsChanged,
    FromChannel,
    GapSeen,
    Measured,
    Progress,
    SegmentClosed,
    SegmentOpened,
    StartRecording,
)
from agent.model.errors import AgentError, Retry
from agent.model.ids import RecordingId
from agent.model.media import Captured, CutReason, Stored
from agent.model.ports.clock import Clock
from agent.model.ports.source import Source
from agent.model.times import NS_PER_S, rfc3339
from agent.runtime.channel_settings import ChannelSettings
from agent.runtime.recorder_told import conformed_told, finding_texts, synced_told
from agent.runtime.segment_writer import SegmentPlace, SegmentWriter
from agent.vault.store import free_bytes

BEAT_NS = NS_PER_S
MEASURED_EVERY_BEATS = 5


class Recorder:
    """State of one channel's recording; one thread."""

    def __init__(
        self,
        send: Callable[[FromChannel], None],
        settings: ChannelSettings,
        clock: Clock,
        random: Callable[[int], bytes],
    ) -> None:
        self._send = send
        self._settings = settings
        self._clock = clock
        self._random = random
        self._gap_limit_ns = round(settings.spec.gap_max_s * NS_PER_S)
        self._watch = StreamWatch(settings.spec)
        self._segmenter = Segmenter(settings.segment_ns)
        self._source: Source | None = None
        self._conformed: ConformedTold | None = None
        self._dropped_before = 0
        self._order: StartRecording | None = None
        self._number = 0
        self._epoch_mono_ns: int | None = None
        self._writer: SegmentWriter | None = None
        self._segment_mono_ns = 0
        self._last_arrived_ns = 0
        self._size: tuple[int, int] | None = None
        self._first_sets: bytes | None = None
        self._anchor: tuple[int, int] | None = None
        self._ns_numerator, self._ns_denominator = 1, 1
        self._dropped = 0
        self._next_beat_ns = 0
        self._beats = 0
        self.frames_since_open = 0

    @property
    def has_recording(self) -> bool:
        """True once the keeper has opened one."""
        return self._order is not None

    @property
    def last_arrived_ns(self) -> int:
        """Arrival of the last packet that was recorded; 0 before the first."""
        return self._last_arrived_ns

    def start(self, order: StartRecording) -> None:
        """Segments go to this recording from now on."""
        self._order = order
        self._number = order.next_number
        self._epoch_mono_ns = order.epoch_mono_ns
        self._watch.recording_started(order.epoch_mono_ns)

    def source_opened(self, source: Source) -> None:
        """A new source: the next segment begins at its first key frame."""
        self._take_counts()
        self._source = source
        self._watch.opened(source.facts)
        time_base = source.facts.time_base
        self._ns_numerator = time_base.numerator * NS_PER_S
        self._ns_denominator = time_base.denominator
        self._segmenter = Segmenter(self._settings.segment_ns)
        self._size = None
        self._first_sets = None
        self._anchor = None
        self.frames_since_open = 0

    def take(self, captured: Captured) -> None:
        """One packet. Raises `AgentError` when it can't be stored."""
        dts_ns = captured.dts * self._ns_numerator // self._ns_denominator
        parameters = self._parameters(captured) if captured.is_key else None
        size = None if parameters is None else (parameters.width, parameters.height)
        gap = self._gap_before(captured.arrived_ns)
        if captured.begins:
            self._begin_anew(size)
        now = self._clock.now()
        decision = self._segmenter.decide(
            captured.is_key, dts_ns, captured.arrived_ns, size, now.wall_ns - now.mono_ns
        )
        if decision.action is Action.WAIT_FOR_KEY:
            self._dropped += 1
            return
        if decision.action is Action.CUT and self._writer is not None:
            self.end(decision.reason or CutReason.LENGTH)
        # Between two segments the keeper sees a gap itself, but not that it was for want of time.
        if gap is not None and (self._writer is not None or gap.cause == "overload"):
            self._send(gap)
        if self._writer is None:
            self._size = size or self._size
            self._open_segment(captured, dts_ns)
        self._dropped_before = self._dropped_so_far()
        self._last_arrived_ns = captured.arrived_ns
        self.frames_since_open += 1
        if self._writer is not None:
            self._writer.add(captured)
        stepped_ns = captured.stepped * self._ns_numerator // self._ns_denominator
        changed = self._watch.add(captured, dts_ns, parameters, stepped_ns)
        if changed is not None:
            self._send(FindingsChanged(grade=changed.grade.value, findings=finding_texts(changed)))
        if now.mono_ns >= self._next_beat_ns:
            self.beat()

    def _begin_anew(self, size: tuple[int, int] | None) -> None:
        """The stream goes on with other parameters: they belong into a segment of their own."""
        if self._source is None:
            raise RuntimeError("nothing begins without an open source")
        self.end(CutReason.SIZE_CHANGE if size != self._size else CutReason.CONFORMING)
        self._segmenter = Segmenter(self._settings.segment_ns)
        self._first_sets = None
        self._watch.opened(self._source.facts)

    def _gap_before(self, arrived_ns: int) -> GapSeen | None:
        """Between the packet before and the one at hand, which arrived now."""
        if self._writer is None or arrived_ns - self._last_arrived_ns <= self._gap_limit_ns:
            return None
        is_overload = self._dropped_so_far() > self._dropped_before
        return GapSeen(
            from_mono_ns=self._last_arrived_ns,
            to_mono_ns=arrived_ns,
            cause="overload" if is_overload else "signal-lost",
        )

    def end(self, reason: CutReason) -> None:
        """Ends the open segment, if there is one, and reports it."""
        if self._writer is not None:
            writer, self._writer = self._writer, None
            try:
                stored = writer.close()
            except AgentError:
                self._report(writer.abandon(), CutReason.DISK, writer.durable_media_ns)
                raise
            self._report(stored, reason, self._watch.measured().duration_ns)

    def fail(self, reason: CutReason) -> None:
        """Leaves the open segment as it is after an error, and reports it."""
        if self._writer is not None:
            writer, self._writer = self._writer, None
            self._report(writer.abandon(), reason, writer.durable_media_ns)

    def detach(self) -> None:
        """The keeper is gone: end the segment on disk; the next keeper finds it there."""
        self._send = _nobody
        self.end(CutReason.CRASH)

    def beat(self) -> None:
        """Heartbeat with what is durable, at most once a second."""
        now = self._clock.now()
        if now.mono_ns < self._next_beat_ns:
            return
        self._next_beat_ns = now.mono_ns + BEAT_NS
        self._beats += 1
        writer = self._writer
        durable_mono_ns = None if writer is None else self._segment_mono_ns + writer.durable_media_ns
        measured = None
        if writer is not None and self._beats % MEASURED_EVERY_BEATS == 1:
            measured = self._measured(self._watch.measured())
        self._send(
            Progress(
                number=None if writer is None else self._number,
                frames=0 if writer is None else writer.durable_frames,
                durable_bytes=0 if writer is None else writer.size_bytes,
                durable_mono_ns=durable_mono_ns,
                durable_wall_ns=None
                if durable_mono_ns is None
                else durable_mono_ns + now.wall_ns - now.mono_ns,
                measured=measured,
                coarse=None if measured is None else self._watch.coarse(self._settings.level),
            )
        )

    def _open_segment(self, first: Captured, dts_ns: int) -> None:
        source, order = self._source, self._order
        if source is None or order is None:
            raise RuntimeError("a segment needs an open source and a recording")
        directory = Path(order.directory)
        if free_bytes(directory) < self._settings.keep_free_bytes:
            raise Retry(
                "disk.full",
                "less space is free on the vault's disk than must be kept free",
                "free space or replicate and remove old recordings",
                after_s=10.0,
            )
        now = self._clock.now()
        if self._epoch_mono_ns is None:
            self._epoch_mono_ns = first.arrived_ns
        if self._anchor is None:
            self._anchor = (max(0, first.arrived_ns - self._epoch_mono_ns), dts_ns)
        # By the camera's clock while the source stays open, so that segments join without overlap.
        start_ns = max(0, self._anchor[0] + dts_ns - self._anchor[1])
        start_wall_ns = now.wall_ns + first.arrived_ns - now.mono_ns
        self._watch.segment_started()
        self._conformed = conformed_told(source)
        self._writer = SegmentWriter(
            SegmentPlace(
                directory=directory,
                recording=RecordingId(order.recording),
                number=self._number,
                recipient=order.recipient,
                description=self._description(order, start_wall_ns, start_ns),
            ),
            template=source.template,
            parameter_sets=self._changed_sets(source, first),
            random=self._random,
            mono_ns=self._clock.mono_ns,
        )
        self._segment_mono_ns = first.arrived_ns
        width, height = self._size or (None, None)
        self._send(
            SegmentOpened(
                width=width,
                height=height,
                conformed=self._conformed,
                number=self._number,
                start_wall_ns=start_wall_ns,
                start_mono_ns=first.arrived_ns,
                start_ns=start_ns,
            )
        )

    def _changed_sets(self, source: Source, first: Captured) -> bytes | None:
        """Parameter sets in the stream when they are no longer those that it opened with."""
        found = parameter_sets(source.facts.codec, bytes(first.packet)) or None
        if self._first_sets is None:
            self._first_sets = found
        return found if found != self._first_sets else None

    def _description(self, order: StartRecording, start_wall_ns: int, start_ns: int) -> bytes:
        """The self-description inside a segment's plaintext (docs/formats/sealed-v1.md)."""
        facts: dict[str, object] = {
            "v": 1,
            "recording": order.recording,
            "number": self._number,
            "channel": self._settings.channel,
            "start_wall": rfc3339(start_wall_ns),
            "start_ns": start_ns,
            "level": self._settings.level,
            "category": self._settings.category,
            "purpose": self._settings.purpose,
        }
        if self._conformed is not None:
            facts["conformed"] = asdict(self._conformed)
        return json.dumps(facts, sort_keys=True, separators=(",", ":")).encode()

    def _parameters(self, captured: Captured) -> PictureSize | None:
        if self._source is None:
            return None
        facts = self._source.facts
        found = picture_size(facts.codec, bytes(captured.packet))
        if found is None and self._size is None:
            found = picture_size(facts.codec, facts.extradata)
        return found

    def _dropped_so_far(self) -> int:
        return self._source.dropped if isinstance(self._source, ConformedSource) else 0

    def _take_counts(self) -> Delivered | None:
        """What came since the last call, where it is conformed; what was lost of it counts as dropped."""
        if not isinstance(self._source, ConformedSource):
            return None
        counts = self._source.take_counts()
        self._dropped += counts.undecoded + counts.dropped
        self._dropped_before = 0
        return Delivered(
            frames=counts.frames,
            rate=str(counts.rate),
            bitrate_bps=counts.bitrate_bps,
            left_out=counts.left_out,
            undecoded=counts.undecoded,
            dropped=counts.dropped,
        )

    def _measured(self, measurement: Measurement) -> Measured:
        width, height = self._size or (None, None)
        return Measured(
            width=width,
            height=height,
            frames=measurement.frames,
            expected_frames=measurement.expected_frames,
            duration_ns=measurement.duration_ns,
            rate=str(measurement.rate),
            bitrate_bps=measurement.bitrate_bps,
            gop_max_ns=measurement.gop_max_ns,
            longest_gap_ns=measurement.longest_gap_ns,
            gaps=measurement.gaps,
            lost=measurement.lost,
            duplicates=measurement.duplicates,
            jitter_p99_ns=measurement.jitter_p99_ns,
        )

    def _report(self, stored: Stored, reason: CutReason, recorded_ns: int) -> None:
        """Tells of a segment, of which the first `recorded_ns` are surely on the disk."""
        measurement, verdict = self._watch.segment()
        now = self._clock.now()
        end_mono_ns = self._segment_mono_ns + recorded_ns
        delivered = self._take_counts()
        self._send(
            SegmentClosed(
                number=stored.number,
                name=stored.name,
                size_bytes=stored.size_bytes,
                sha256=stored.sha256,
                final=stored.final,
                synced=synced_told(stored),
                reason=reason.value,
                end_wall_ns=now.wall_ns + end_mono_ns - now.mono_ns,
                end_mono_ns=end_mono_ns,
                measured=self._measured(measurement),
                grade=verdict.grade.value,
                findings=finding_texts(verdict),
                dropped=self._dropped,
                delivered=None if self._conformed is None else delivered,
            )
        )
        self._dropped = 0
        self._number = stored.number + 1
        # PyAV's containers and streams refer to each other, and the collector does not see how much memory
        # of FFmpeg's hangs on them: without this an hour of the soak's script grew a channel by 7 MiB. Takes
        # a tenth of a millisecond, because the zygote has frozen what was there before the fork.
        gc.collect()


def _nobody(_message: FromChannel) -> None:
    """Where reports go when the keeper is gone."""
    return
