"""The meter on synthetic timelines whose answers are known exactly."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.capture.measure import Measurement, Meter
from agent.model.times import NS_PER_S

MS = 1_000_000
PERIOD = 40 * MS
RATE = Fraction(25)
START = 5_000 * NS_PER_S  # neither clock starts at zero


def measure(
    dts: list[int],
    arrived: list[int] | None = None,
    *,
    gop: int = 50,
    size: int = 1000,
    nominal: Fraction = Fraction(25),
) -> Measurement:
    meter = Meter(nominal, 2 * NS_PER_S)
    for index, (value, at) in enumerate(zip(dts, arrived or dts, strict=True)):
        meter.add(START + at, START // 7 + value, index % gop == 0, size)
    return meter.snapshot()


def steady(count: int, period: int = PERIOD, start: int = 0) -> list[int]:
    return [start + n * period for n in range(count)]


def test_a_constant_source_is_exact() -> None:
    assert measure(steady(1500)) == Measurement(
        frames=1500,
        bytes=1_500_000,
        duration_ns=60 * NS_PER_S,
        rate=Fraction(25),
        arrival_rate=Fraction(25),
        bitrate_bps=200_000,
        keyframes=30,
        gop_max_ns=2 * NS_PER_S,
        longest_gap_ns=PERIOD,
        gaps=0,
        expected_frames=1500,
        duplicates=0,
        lost=0,
        jitter_p99_ns=0,
    )


def test_ntsc_rate_from_a_90_khz_clock() -> None:
    taken = measure([n * 3003 * NS_PER_S // 90_000 for n in range(1800)], nominal=Fraction(30000, 1001))
    assert abs(taken.rate - Fraction(30000, 1001)) < Fraction(1, 10**6)
    assert (taken.expected_frames, taken.lost) == (1800, 0)


def test_nothing_and_one_frame() -> None:
    empty = Meter(Fraction(25), 1).snapshot()
    assert empty == Measurement(
        frames=0, bytes=0, duration_ns=0, rate=Fraction(0), arrival_rate=None, bitrate_bps=0, keyframes=0,
        gop_max_ns=0, longest_gap_ns=0, gaps=0, expected_frames=0, duplicates=0, lost=0, jitter_p99_ns=0,
    )  # fmt: skip
    one = measure([0])
    assert (one.frames, one.duration_ns, one.rate, one.gop_max_ns) == (1, PERIOD, Fraction(0), PERIOD)
    assert (one.expected_frames, one.lost, one.longest_gap_ns) == (1, 0, 0)


def test_reset_forgets() -> None:
    meter = Meter(Fraction(25), NS_PER_S)
    fresh = meter.snapshot()
    for at in (0, 40, 999):
        meter.add(at, at, True, 10)
    meter.reset()
    assert meter.snapshot() == fresh


def test_arrival_jitter_changes_jitter_only() -> None:
    late = [15 * MS if n % 10 == 5 else 0 for n in range(1500)]
    taken = measure(steady(1500), [at + extra for at, extra in zip(steady(1500), late, strict=True)])
    assert taken.jitter_p99_ns == 15 * MS
    assert (taken.rate, taken.arrival_rate) == (RATE, RATE)
    assert (taken.gaps, taken.longest_gap_ns, taken.lost) == (0, PERIOD, 0)


def test_a_rare_late_frame_is_outside_the_99th_percentile() -> None:
    arrived = steady(1500)
    arrived[700] += 30 * MS
    assert measure(steady(1500), arrived).jitter_p99_ns == 0


def test_a_gap_is_counted_and_does_not_spoil_the_rate() -> None:
    line = steady(500) + steady(500, start=500 * PERIOD + 5 * NS_PER_S)
    taken = measure(line)
    assert (taken.gaps, taken.longest_gap_ns) == (1, 5 * NS_PER_S + PERIOD)
    assert (taken.expected_frames, taken.lost) == (1125, 125)
    assert taken.rate == 25
    assert taken.duration_ns == 45 * NS_PER_S


def test_a_pause_below_the_limit_is_loss_but_no_gap() -> None:
    taken = measure(steady(100) + steady(100, start=100 * PERIOD + NS_PER_S))
    assert (taken.gaps, taken.longest_gap_ns, taken.lost) == (0, NS_PER_S + PERIOD, 25)


def test_exactly_the_limit_is_no_gap() -> None:
    assert measure([0, 2 * NS_PER_S]).gaps == 0
    assert measure([0, 2 * NS_PER_S + 1]).gaps == 1


def test_a_hold_up_that_timestamps_hide_is_a_gap() -> None:
    """The camera stood still and went on with the next timestamp: only arrivals know."""
    taken = measure(steady(1000), steady(500) + steady(500, start=500 * PERIOD + 3 * NS_PER_S))
    assert (taken.gaps, taken.longest_gap_ns) == (1, 3 * NS_PER_S + PERIOD)
    assert (taken.expected_frames, taken.lost) == (1075, 75)


def test_a_stall_that_is_caught_up_is_no_gap() -> None:
    """The network held three seconds back and delivered them at once."""
    arrived = [max(at, 13 * NS_PER_S) if at >= 10 * NS_PER_S else at for at in steady(1000)]
    taken = measure(steady(1000), arrived)
    assert (taken.gaps, taken.longest_gap_ns, taken.lost) == (0, PERIOD, 0)


def test_the_opening_burst_does_not_count_for_the_arrival_rate() -> None:
    arrived = [n * 100_000 for n in range(50)] + steady(200, start=30 * MS)
    taken = measure(steady(250), arrived)
    assert taken.arrival_rate == 25
    assert (taken.rate, taken.gaps, taken.lost, taken.jitter_p99_ns) == (RATE, 0, 0, 0)


def test_a_file_read_at_full_speed_has_no_arrival_rate() -> None:
    taken = measure(steady(250), [n * 100_000 for n in range(250)])
    assert (taken.arrival_rate, taken.rate, taken.lost, taken.jitter_p99_ns) == (None, RATE, 0, 0)


def test_duplicates_do_not_count_as_received_pictures() -> None:
    line = sorted(steady(100) + steady(10))
    taken = measure(line)
    assert (taken.frames, taken.duplicates, taken.expected_frames, taken.lost) == (110, 10, 100, 0)
    assert taken.rate == 25


def test_a_frame_behind_the_others_is_a_duplicate_and_moves_nothing() -> None:
    taken = measure([0, 40 * MS, 20 * MS, 80 * MS])
    assert (taken.duplicates, taken.duration_ns, taken.rate) == (1, 120 * MS, RATE)


def test_a_restarted_camera_clock_goes_on() -> None:
    arrived = steady(200)
    taken = measure(steady(100, start=3600 * NS_PER_S) + steady(100), arrived)
    assert (taken.duplicates, taken.rate, taken.gaps) == (1, RATE, 0)
    assert taken.duration_ns == 199 * PERIOD
    assert taken.expected_frames == 199


def test_a_changed_rate_shows_in_the_mean() -> None:
    line = steady(500) + steady(250, period=2 * PERIOD, start=500 * PERIOD)
    taken = measure(line)
    assert taken.rate == Fraction(749 * NS_PER_S, line[-1])
    assert taken.lost == 249  # the last period is the median one


def test_timestamps_that_lie_differ_from_arrivals() -> None:
    taken = measure(steady(500), steady(500, period=2 * PERIOD))
    assert (taken.rate, taken.arrival_rate) == (RATE, RATE / 2)


def test_the_longest_gop_may_be_the_last() -> None:
    meter = Meter(Fraction(25), NS_PER_S)
    for n in range(300):
        meter.add(n * PERIOD, n * PERIOD, n in (0, 50, 100), 1)
    assert meter.snapshot().gop_max_ns == 8 * NS_PER_S


@pytest.mark.parametrize("bad", [(Fraction(0), 1), (Fraction(25), 0)])
def test_limits_must_be_positive(bad: tuple[Fraction, int]) -> None:
    with pytest.raises(ValueError, match="positive"):
        Meter(*bad)


@given(st.lists(st.tuples(st.integers(-(2**63), 2**63), st.integers(0, 2**40), st.booleans()), max_size=40))
def test_any_timeline_is_measured(frames: list[tuple[int, int, bool]]) -> None:
    meter = Meter(Fraction(25), NS_PER_S)
    for dts, arrived, key in frames:
        meter.add(arrived, dts, key, 7)
    taken = meter.snapshot()
    assert (taken.frames, taken.bytes) == (len(frames), 7 * len(frames))
    assert taken.duration_ns >= taken.gop_max_ns >= 0
    assert taken.rate >= 0
    assert 0 <= taken.lost <= taken.expected_frames
    assert 0 <= taken.duplicates <= taken.frames
    assert min(taken.longest_gap_ns, taken.jitter_p99_ns, taken.bitrate_bps, taken.gaps) >= 0


@given(st.lists(st.integers(1, 10**10), min_size=1, max_size=50))
def test_rising_timestamps_give_last_less_first_plus_the_median(steps: list[int]) -> None:
    line = [0]
    for step in steps:
        line.append(line[-1] + step)
    taken = measure(line)
    assert taken.duration_ns == line[-1] + sorted(steps)[(len(steps) - 1) // 2]
    assert taken.duplicates == 0


def counted(steps_ms: list[int], arrivals_ms: list[int] | None = None) -> Meter:
    """Frames at 25 Hz, but for these steps of timestamps and, if they differ, of arrivals."""
    meter = Meter(Fraction(25), 2 * NS_PER_S)
    dts = arrived = 0
    meter.add(arrived, dts, True, 100)
    for step, arrival in zip(steps_ms, arrivals_ms or steps_ms, strict=True):
        dts += step * 1_000_000
        arrived += arrival * 1_000_000
        meter.add(arrived, dts, False, 100)
    return meter


@pytest.mark.parametrize(
    ("steps_ms", "missing"),
    [
        ([40] * 50, 0),
        ([40] * 20 + [80] + [40] * 20, 1),
        ([40] * 20 + [59] + [40] * 20, 0),  # late, and no place for another
        ([40] * 20 + [400] + [40] * 20, 9),
        ([40] * 20 + [5000] + [40] * 20, 0),  # a gap, which is counted as one
        ([50] * 40, 0),  # slower than nominal, but even
    ],
)
def test_missing_frames_are_places_at_the_streams_own_pace(steps_ms: list[int], missing: int) -> None:
    assert counted(steps_ms).snapshot().missing == missing


@pytest.mark.parametrize(
    ("step_ms", "arrival_ms", "found_ms"),
    [
        (5040, 40, [5000]),
        (-3000, 40, [-3000]),
        (5040, 5040, []),  # nothing came for five seconds
        (40, 3000, []),  # held up on the way
        (900, 40, []),
    ],
)
def test_steps_of_the_sources_clock(step_ms: int, arrival_ms: int, found_ms: list[int]) -> None:
    taken = counted([40] * 9 + [step_ms] + [40] * 9, [40] * 9 + [arrival_ms] + [40] * 9).snapshot()
    assert taken.clock_steps == len(found_ms)
    assert taken.clock_step_ns == sum(found_ms) * 1_000_000


def test_a_bridged_step_back_is_counted_until_it_is_forgotten() -> None:
    meter = counted([40] * 9)
    meter.add(400_000_000, 400_000_000, False, 100, -3 * NS_PER_S)
    assert (meter.snapshot().clock_steps, meter.snapshot().clock_step_ns) == (1, -3 * NS_PER_S)
    for number in range(11, 100):
        meter.add(number * 40_000_000, number * 40_000_000, False, 100)
    meter.keep_last(NS_PER_S)
    assert meter.snapshot().clock_steps == 0


def test_a_window_measures_as_if_it_had_begun_there() -> None:
    meter, fresh = Meter(Fraction(25), 2 * NS_PER_S), Meter(Fraction(25), 2 * NS_PER_S)
    for number in range(500):
        frame = (number * 40_000_000, number * 40_000_000, number % 50 == 0, 100 + number)
        meter.add(*frame)
        meter.keep_last(2 * NS_PER_S)
        if number >= 449:
            fresh.add(*frame)
    assert meter.snapshot() == fresh.snapshot()
