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

from bisect import bisect_left
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
    `lost` is what is missing against the nominal rate; `missing` are the frames that the stream's own pace
    (the median step) has a place for between two others, gaps over the limit and frames that were left out on
    purpose not counted. `clock_steps` counts
    timestamps that step by more than a second back, or so much further on than the arrivals;
    `clock_step_ns` is the largest of them, negative when it went back.
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
    missing: int = 0
    clock_steps: int = 0
    clock_step_ns: int = 0


@dataclass(frozen=True, slots=True)
class _Timeline:
    """Media time of each frame since the first, the forward steps with the number of frames that were left
    out in each, and the frames that don't advance."""

    media: list[int]
    steps: list[int]
    left_out: list[int]
    duplicates: int


class Meter:
    """Counts one segment at a time: `add` every recorded frame, `snapshot` any time, `reset` at a cut.

    `nominal_rate` says how many frames are expected; a silence over `gap_limit_ns` is a gap.
    """

    __slots__ = (
        "_arrived", "_dts", "_gap_limit_ns", "_keys", "_left_out", "_nominal_rate", "_sizes", "_steps_back",
    )  # fmt: skip

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
        self._sizes: list[int] = []
        self._left_out: list[int] = []
        self._steps_back: list[tuple[int, int]] = []

    def add(
        self, arrived_ns: int, dts_ns: int, is_key: bool, size: int, stepped_ns: int = 0, left_out: int = 0
    ) -> None:
        """Count one frame. `stepped_ns` is a step back of the source's clock that the driver bridged,
        `left_out` how many frames before it were left out on purpose."""
        if stepped_ns < -BACKWARDS_NS:
            self._steps_back.append((arrived_ns, stepped_ns))
        if is_key:
            self._keys.append(len(self._dts))
        self._arrived.append(arrived_ns)
        self._dts.append(dts_ns)
        self._sizes.append(size)
        self._left_out.append(left_out)

    def keep_last(self, window_ns: int) -> None:
        """Forget the frames that arrived more than `window_ns` before the newest one."""
        first = bisect_left(self._arrived, self._arrived[-1] - window_ns) if self._arrived else 0
        if first > 0:
            for values in (self._arrived, self._dts, self._sizes, self._left_out):
                del values[:first]
            self._keys = [key - first for key in self._keys if key >= first]
            self._steps_back = [step for step in self._steps_back if step[0] >= self._arrived[0]]

    def snapshot(self) -> Measurement:
        """Everything measured since the last reset."""
        line = _timeline(self._dts, self._left_out)
        frames = len(self._dts)
        nominal_period = round(NS_PER_S / self._nominal_rate)
        period = median_low(line.steps) if line.steps else nominal_period
        duration = line.media[-1] + period if frames else 0
        hold_ups = self._hold_ups(line.media)
        gaps = [line.media[i] - line.media[i - 1] + hold_ups[i] for i in range(1, frames)]
        expected = _nearest(self._nominal_rate * (duration + sum(hold_ups)) / NS_PER_S)
        live = _first_live(self._arrived, period)
        clock_steps = _clock_steps(self._arrived, self._dts) + [step for _, step in self._steps_back]
        return Measurement(
            frames=frames,
            bytes=sum(self._sizes),
            duration_ns=duration,
            rate=_rate([s for s in line.steps if s <= self._gap_limit_ns] or line.steps),
            arrival_rate=_arrival_rate(self._arrived, live),
            bitrate_bps=_nearest(Fraction(8 * sum(self._sizes) * NS_PER_S, duration)) if duration else 0,
            keyframes=len(self._keys),
            gop_max_ns=self._longest_gop(line.media, duration),
            longest_gap_ns=max(gaps, default=0),
            gaps=sum(gap > self._gap_limit_ns for gap in gaps),
            expected_frames=expected,
            duplicates=line.duplicates,
            lost=max(0, expected - (frames - line.duplicates)),
            jitter_p99_ns=_jitter_p99(self._arrived, line.media, live),
            clock_steps=len(clock_steps),
            clock_step_ns=max(clock_steps, key=abs, default=0),
            missing=_missing(line, self._gap_limit_ns),
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


def _timeline(dts: list[int], left_out: list[int]) -> _Timeline:
    media: list[int] = []
    steps: list[int] = []
    between: list[int] = []
    duplicates = at = 0
    highest = dts[0] - 1 if dts else 0
    for value, skipped in zip(dts, left_out, strict=True):
        step = value - highest
        if step > 0:
            highest = value
            if media:
                steps.append(step)
                between.append(skipped)
                at += step
        else:
            duplicates += 1
            if step < -BACKWARDS_NS:
                highest = value
        media.append(at)
    return _Timeline(media, steps, between, duplicates)


def _clock_steps(arrived: list[int], dts: list[int]) -> list[int]:
    """By how much the source's clock stepped, once for each step. A stall on the way is none."""
    steps = []
    for index in range(1, len(dts)):
        step = dts[index] - dts[index - 1]
        if step < -BACKWARDS_NS:
            steps.append(step)
        elif step > BACKWARDS_NS and step - (ahead := arrived[index] - arrived[index - 1]) > BACKWARDS_NS:
            steps.append(step - ahead)
    return steps


def _missing(line: _Timeline, gap_limit_ns: int) -> int:
    """Frames that fit between two others at the source's own pace; a step up to 1.5 periods is jitter."""
    if not line.steps:
        return 0
    steps = list(zip(line.steps, line.left_out, strict=True))
    period = median_low([max(1, step // (skipped + 1)) for step, skipped in steps])
    return sum(
        max(0, (2 * step + period) // (2 * period) - 1 - skipped)
        for step, skipped in steps
        if period < step <= gap_limit_ns
    )


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
