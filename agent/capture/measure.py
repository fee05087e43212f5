"""Measuring what a source delivers: rate, gaps, loss, key frames, bit rate, jitter (design: Measure).

Guarantees: exact integer and fraction arithmetic on the times given; `add` only appends, so it is cheap
enough for every frame; all work is in `snapshot`, linear in the frames since `reset`. Never raises for
any order of timestamps. Times are arguments; the step from one segment to the next is not measured here
(the channel records gaps between segments).

How times are read:
- The media clock advances by each timestamp that is higher than all before it. Others count as
  duplicates. A step back of more than a second is a restarted camera clock: it counts once and the
  media clock goes on from there.
- A timestamp step over the limit is a gap, whether video is missing or the camera's clock jumped: both
  leave a hole in the recording.
- A hold-up is time on the arrival clock that the timestamps do not show and later frames never catch up
  with. Over the limit it is added to the gap and to the elapsed time; a network stall that is caught up
  is not a gap.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from statistics import median_low

from agent.model.times import NS_PER_S

# More than this backwards is a new clock, less is reordering or noise.
BACKWARDS_NS = NS_PER_S


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """What `Meter` counted since its last reset. Times in nanoseconds, rates in Hz, 0 when unknown.

    `duration_ns` is media time: last less first timestamp plus one median period. `rate` is the rate by
    timestamps outside gaps; `arrival_rate` the rate on the monotonic clock after the opening burst.
    `gaps` counts gaps over the meter's limit. `duplicates` are frames whose timestamp does not advance.
    """

    frames: int
    bytes: int
    duration_ns: int
    rate: Fraction
    arrival_rate: Fraction | None
    bitrate_bps: int
    keyframes: int
    gop_max_ns: int
    longest_gap_ns: int
    gaps: int
    expected_frames: int
    duplicates: int
    lost: int
    jitter_p99_ns: int


@dataclass(frozen=True, slots=True)
class _Timeline:
    """Media time of each frame since the first, the forward steps, and the frames that don't advance."""

    media: list[int]
    steps: list[int]
    duplicates: int


class Meter:
    """Counts one segment at a time: `add` every recorded frame, `snapshot` any time, `reset` at a cut.

    `nominal_rate` says how many frames are expected; a silence over `gap_limit_ns` is a gap.
    """

    __slots__ = ("_arrived", "_bytes", "_dts", "_gap_limit_ns", "_keys", "_nominal_rate")

    def __init__(self, nominal_rate: Fraction, gap_limit_ns: int) -> None:
        if nominal_rate <= 0 or gap_limit_ns <= 0:
            raise ValueError("the nominal rate and the gap limit must be positive")
        self._nominal_rate = nominal_rate
        self._gap_limit_ns = gap_limit_ns
        self.reset()

    def reset(self) -> None:
        """Forget everything: the next frame is the first of a new segment."""
        self._arrived: list[int] = []
        self._dts: list[int] = []
        self._keys: list[int] = []
        self._bytes = 0

    def add(self, arrived_ns: int, dts_ns: int, is_key: bool, size: int) -> None:
        """Count one frame. `dts_ns` is the timestamp as it came, before it is forced to rise."""
        if is_key:
            self._keys.append(len(self._dts))
        self._arrived.append(arrived_ns)
        self._dts.append(dts_ns)
        self._bytes += size

    def snapshot(self) -> Measurement:
        """Everything measured since the last reset."""
        line = _timeline(self._dts)
        frames = len(self._dts)
        nominal_period = round(NS_PER_S / self._nominal_rate)
        period = median_low(line.steps) if line.steps else nominal_period
        duration = line.media[-1] + period if frames else 0
        hold_ups = self._hold_ups(line.media)
        gaps = [line.media[i] - line.media[i - 1] + hold_ups[i] for i in range(1, frames)]
        expected = _nearest(self._nominal_rate * (duration + sum(hold_ups)) / NS_PER_S)
        live = _first_live(self._arrived, period)
        return Measurement(
            frames=frames,
            bytes=self._bytes,
            duration_ns=duration,
            rate=_rate([s for s in line.steps if s <= self._gap_limit_ns] or line.steps),
            arrival_rate=_arrival_rate(self._arrived, live),
            bitrate_bps=_nearest(Fraction(8 * self._bytes * NS_PER_S, duration)) if duration else 0,
            keyframes=len(self._keys),
            gop_max_ns=self._longest_gop(line.media, duration),
            longest_gap_ns=max(gaps, default=0),
            gaps=sum(gap > self._gap_limit_ns for gap in gaps),
            expected_frames=expected,
            duplicates=line.duplicates,
            lost=max(0, expected - (frames - line.duplicates)),
            jitter_p99_ns=_jitter_p99(self._arrived, line.media, live),
        )

    def _longest_gop(self, media: list[int], duration: int) -> int:
        """Longest distance between key frames; the end counts too, since a cut is at a key frame."""
        marks = [media[index] for index in self._keys] or [0]
        marks.append(duration)
        return max(after - before for before, after in pairwise(marks))

    def _hold_ups(self, media: list[int]) -> list[int]:
        """Per frame, arrival time over the limit that was spent before it and never caught up."""
        hold_ups = [0] * len(media)
        lags = [arrived - at for arrived, at in zip(self._arrived, media, strict=True)]
        lowest_later = lags[-1] if lags else 0
        for index in range(len(media) - 1, 0, -1):
            lowest_later = min(lowest_later, lags[index])
            held = lowest_later - lags[index - 1]
            if held > self._gap_limit_ns:
                hold_ups[index] = held
        return hold_ups


def _timeline(dts: list[int]) -> _Timeline:
    media: list[int] = []
    steps: list[int] = []
    duplicates = at = 0
    highest = dts[0] - 1 if dts else 0
    for value in dts:
        step = value - highest
        if step > 0:
            highest = value
            if media:
                steps.append(step)
                at += step
        else:
            duplicates += 1
            if step < -BACKWARDS_NS:
                highest = value
        media.append(at)
    return _Timeline(media, steps, duplicates)


def _rate(steps: list[int]) -> Fraction:
    """Mean rate over `steps`; 0 without any."""
    return Fraction(len(steps) * NS_PER_S, sum(steps)) if steps else Fraction(0)


def _first_live(arrived: list[int], period: int) -> int:
    """Index of the first frame after the opening burst, when servers send what they had stored.

    The burst ends at the first arrival step of at least a quarter of a period; if it never does (a file
    read as fast as it goes) the answer is the number of frames.
    """
    for index in range(1, len(arrived)):
        if 4 * (arrived[index] - arrived[index - 1]) >= period:
            return index
    return len(arrived)


def _arrival_rate(arrived: list[int], live: int) -> Fraction | None:
    steps = len(arrived) - 1 - live
    if steps < 1 or arrived[-1] <= arrived[live]:
        return None
    return Fraction(steps * NS_PER_S, arrived[-1] - arrived[live])


def _jitter_p99(arrived: list[int], media: list[int], live: int) -> int:
    """99th percentile (nearest rank) of how far an arrival step is from its timestamp step."""
    off = sorted(
        abs(arrived[i] - arrived[i - 1] - media[i] + media[i - 1]) for i in range(live + 1, len(arrived))
    )
    return off[-(-99 * len(off) // 100) - 1] if off else 0


def _nearest(value: Fraction) -> int:
    """The nearest whole number, halves upwards."""
    return int(value + Fraction(1, 2))
