"""Watching one channel's stream: measures, looks at pictures, judges each segment and the stream as it runs.

Guarantees: every frame given is measured; a segment's verdict covers all rules; the live verdict comes
within `EVERY_NS` of a fault that shows in the frames, from the last two seconds (rate), the last ten
(everything that is counted) or the picture just decoded. Times are arrivals of frames: while none come
nothing is judged, and the source's own stall alarm speaks.

The caller reports each segment's beginning and each opened source, and sends what `add` returns.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Protocol

from agent.capture.bitstream import PictureSize
from agent.capture.coarse_picture import coarse
from agent.capture.conform_plan import UNCODED
from agent.capture.judge import judge
from agent.capture.key_pictures import KeyPictures
from agent.capture.live_verdict import LiveVerdict
from agent.capture.measure import Measurement, Meter
from agent.capture.observed import BurstCheck, Observed, PictureCheck
from agent.capture.picture import Plane
from agent.capture.rules import rate
from agent.model.media import Captured, StreamFacts
from agent.model.spec import CollectionSpec, PictureLimits
from agent.model.times import NS_PER_S
from agent.model.verdict import Finding, Verdict

EVERY_NS = NS_PER_S // 2
# A little over the two seconds under which no rate is judged (`observed.SHORTEST_JUDGED_NS`).
RATE_WINDOW_NS = 2_200_000_000
WINDOW_NS = 10 * NS_PER_S
# What a single key frame or a single lost one would decide in a shorter window.
_NEEDS_LONG = frozenset(("bitrate", "lost", "jitter"))
_LONG_NS = 8 * NS_PER_S
# How much longer than the longest limit pictures are remembered, for a run that began before it.
_REMEMBERED_NS = 60 * NS_PER_S


class Looker(Protocol):
    """What looks at pictures: `KeyPictures`, or nothing in tests."""

    undecoded: int
    newest: Plane | None

    def take(self, captured: Captured) -> tuple[PictureCheck | None, BurstCheck | None]: ...


@dataclass(slots=True)
class _Stream:
    """What is known of one opened source. Times are arrivals; `gop_ns` is the last key frame distance."""

    facts: StreamFacts | None = None
    looker: Looker | None = None
    parameters: PictureSize | None = None
    pictures: deque[PictureCheck] = field(default_factory=deque)
    burst: BurstCheck | None = None
    undecoded_good: int = 0
    key_ns: int | None = None
    gop_ns: int = 0
    judged_ns: int | None = None
    live: LiveVerdict = field(default_factory=LiveVerdict)

    @property
    def undecoded(self) -> int:
        return 0 if self.looker is None else self.looker.undecoded


class StreamWatch:
    """State of one channel. One thread."""

    def __init__(
        self,
        spec: CollectionSpec,
        look: Callable[[StreamFacts, PictureLimits], Looker] = KeyPictures,
    ) -> None:
        self._spec = spec
        self._look = look
        gap_ns = round(spec.gap_max_s * NS_PER_S)
        self._segment = Meter(spec.rate, gap_ns)
        # A hole of a second is rule `lost` or `gap`; the pace around it is the rate.
        self._short = Meter(spec.rate, min(gap_ns, max(NS_PER_S, round(4 * NS_PER_S / spec.rate))))
        self._long = Meter(spec.rate, gap_ns)
        self._stream = _Stream()
        self._recording_since_ns: int | None = None
        self._since_ns: int | None = None
        self._bursts: list[BurstCheck] = []
        self._undecoded_before = 0

    def opened(self, facts: StreamFacts) -> None:
        """A new source: nothing that was seen before is compared with it."""
        limits = self._spec.picture
        # Before they are encoded no pictures of raw sources are looked at (`conform.py`).
        is_looked_at = limits.check_every_s is not None and facts.codec not in UNCODED
        looker = self._look(facts, limits) if is_looked_at else None
        self._stream = _Stream(facts=facts, looker=looker)
        self._short.reset()
        self._long.reset()

    def recording_started(self, at_ns: int | None) -> None:
        """When the recording's first frame arrived, for the rule on its length; None: with the next one."""
        self._recording_since_ns = at_ns

    def segment_started(self) -> None:
        """The next frame is the first of a segment."""
        self._segment.reset()
        self._since_ns = None
        self._bursts = []
        self._undecoded_before = self._stream.undecoded

    def add(
        self, captured: Captured, dts_ns: int, parameters: PictureSize | None, stepped_ns: int = 0
    ) -> Verdict | None:
        """Counts one recorded frame; `parameters` are those that came with it, if any.

        Returns the live verdict, broken rules only, when it has changed.
        """
        at_ns, stream = captured.arrived_ns, self._stream
        stream.parameters = parameters or stream.parameters
        if self._since_ns is None:
            self._since_ns = at_ns
        if self._recording_since_ns is None:
            self._recording_since_ns = at_ns
        for meter in (self._segment, self._short, self._long):
            meter.add(at_ns, dts_ns, captured.is_key, captured.size, stepped_ns, captured.left_out)
        if captured.is_key:
            stream.gop_ns = 0 if stream.key_ns is None else at_ns - stream.key_ns
            stream.key_ns = at_ns
        looked = self._take_pictures(captured)
        if not looked and stream.judged_ns is not None and at_ns < stream.judged_ns + EVERY_NS:
            return None
        stream.judged_ns = at_ns
        return stream.live.judge(at_ns, self._live_findings(at_ns))

    def measured(self) -> Measurement:
        """What was measured of the segment so far."""
        return self._segment.snapshot()

    def coarse(self, level: int) -> str | None:
        """The newest picture that was looked at as grey blocks; None without one, and above level 4."""
        looker = self._stream.looker
        return None if looker is None or looker.newest is None else coarse(looker.newest, level)

    def segment(self) -> tuple[Measurement, Verdict]:
        """What was measured of the segment, and its verdict."""
        measurement = self._segment.snapshot()
        since_ns = self._since_ns or 0
        facts = replace(
            self._observed(measurement, since_ns + measurement.duration_ns),
            since_ns=since_ns,
            bursts=tuple(self._bursts),
            undecoded=self._stream.undecoded - self._undecoded_before,
        )
        return measurement, judge(self._spec, facts)

    def _take_pictures(self, captured: Captured) -> bool:
        """True when a picture or a burst was looked at."""
        stream = self._stream
        if stream.looker is None:
            return False
        check, burst = stream.looker.take(captured)
        if check is not None:
            stream.undecoded_good = stream.undecoded
            stream.pictures.append(check)
            while check.at_ns - stream.pictures[0].at_ns > self._remembered_ns():
                stream.pictures.popleft()
        if burst is not None:
            self._bursts.append(burst)
            stream.burst = burst
        return check is not None or burst is not None

    def _remembered_ns(self) -> int:
        limits = self._spec.picture
        longest = max(
            limits.black_max_s or 0, limits.frozen_max_s or 0, limits.defocused_max_s or 0,
            limits.covered_max_s or 0, limits.no_signal_max_s or 0,
        )  # fmt: skip
        return round(longest * NS_PER_S) + _REMEMBERED_NS

    def _live_findings(self, at_ns: int) -> tuple[Finding, ...]:
        stream = self._stream
        self._long.keep_last(WINDOW_NS)
        self._short.keep_last(RATE_WINDOW_NS)
        counted = self._long.snapshot()
        since_key_ns = 0 if stream.key_ns is None else at_ns - stream.key_ns
        counted = replace(counted, keyframes=1, gop_max_ns=max(stream.gop_ns, since_key_ns))
        facts = replace(
            self._observed(counted, at_ns),
            since_ns=stream.pictures[-1].at_ns if stream.pictures else 0,
            bursts=() if stream.burst is None else (stream.burst,),
            undecoded=stream.undecoded - stream.undecoded_good,
        )
        found = judge(self._spec, facts).findings
        if counted.duration_ns < _LONG_NS:
            found = tuple(finding for finding in found if finding.rule not in _NEEDS_LONG)
        now = rate.judge(self._spec, replace(facts, measurement=self._short.snapshot()))
        return (*(f for f in found if f.rule != rate.RULE), *(() if now is None else (now,)))

    def _observed(self, measurement: Measurement, to_ns: int) -> Observed:
        stream, said = self._stream, self._stream.parameters
        since_ns = to_ns if self._recording_since_ns is None else self._recording_since_ns
        return Observed(
            width=0 if said is None else said.width,
            height=0 if said is None else said.height,
            codec=None if stream.facts is None else stream.facts.codec,
            has_audio_in_output=False,
            source_has_audio=stream.facts is not None and stream.facts.has_audio,
            parameters=said,
            recording_ns=max(0, to_ns - since_ns),
            measurement=measurement,
            pictures=tuple(stream.pictures),
        )
