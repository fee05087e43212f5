"""The segmenter: where it cuts, why, and that no frame is lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.capture.segmenter import CONTINUE, START, WAIT_FOR_KEY, Action, Decision, Segmenter
from agent.model.media import CutReason
from agent.model.times import NS_PER_S

PERIOD = NS_PER_S // 25
HD = (1280, 720)


def feed(
    segmenter: Segmenter,
    count: int,
    *,
    start: int = 0,
    gop: int = 25,
    size: tuple[int, int] | None = HD,
    offset: int = 0,
    shift: int = 0,
) -> list[Decision]:
    """Frames `start` to `start + count` at 25 Hz; timestamps are shifted by `shift`."""
    return [
        segmenter.decide(n % gop == 0, n * PERIOD + shift, n * PERIOD, size if n % gop == 0 else None, offset)
        for n in range(start, start + count)
    ]


def cuts(decisions: list[Decision], start: int = 0) -> list[tuple[int, CutReason | None]]:
    return [(start + n, d.reason) for n, d in enumerate(decisions) if d.action is Action.CUT]


def test_waits_for_the_first_key_frame_and_counts() -> None:
    segmenter = Segmenter(10 * NS_PER_S)
    decisions = feed(segmenter, 30, start=20)
    assert decisions == [WAIT_FOR_KEY] * 5 + [START] + [CONTINUE] * 24
    assert segmenter.waited == 5


def test_cuts_by_length_at_key_frames_only() -> None:
    assert cuts(feed(Segmenter(2 * NS_PER_S), 200)) == [
        (50, CutReason.LENGTH),
        (100, CutReason.LENGTH),
        (150, CutReason.LENGTH),
    ]
    assert cuts(feed(Segmenter(NS_PER_S // 2), 100, gop=1000)) == []


def test_arrival_jitter_does_not_cut_early_but_standing_timestamps_are_cut() -> None:
    segmenter = Segmenter(2 * NS_PER_S)
    assert segmenter.decide(True, 0, 0, HD, 0) == START
    assert segmenter.decide(True, 2 * NS_PER_S - 1, 3 * NS_PER_S, HD, 0) == CONTINUE
    stuck = Segmenter(2 * NS_PER_S)
    decisions = [stuck.decide(True, 0, n * NS_PER_S, HD, 0) for n in range(9)]
    assert cuts(decisions) == [(4, CutReason.LENGTH), (8, CutReason.LENGTH)]


def test_a_changed_size_cuts_at_its_key_frame() -> None:
    segmenter = Segmenter(60 * NS_PER_S)
    feed(segmenter, 60)
    assert cuts(feed(segmenter, 40, start=60, size=(640, 360)), 60) == [(75, CutReason.SIZE_CHANGE)]
    assert cuts(feed(segmenter, 100, start=100, size=(640, 360))) == []


def test_an_unknown_size_is_no_change() -> None:
    segmenter = Segmenter(60 * NS_PER_S)
    feed(segmenter, 25, size=None)
    assert cuts(feed(segmenter, 25, start=25)) == []
    assert cuts(feed(segmenter, 25, start=50, size=None)) == []
    assert cuts(feed(segmenter, 25, start=75, size=(640, 360)), 75) == [(75, CutReason.SIZE_CHANGE)]


@pytest.mark.parametrize("step", [501_000_000, -501_000_000, 3600 * NS_PER_S])
def test_a_clock_step_cuts_at_the_next_key_frame_once(step: int) -> None:
    segmenter = Segmenter(60 * NS_PER_S)
    feed(segmenter, 30)
    assert cuts(feed(segmenter, 170, start=30, offset=step), 30) == [(50, CutReason.CLOCK_STEP)]


def test_a_clock_step_that_is_taken_back_is_still_a_cut() -> None:
    segmenter = Segmenter(60 * NS_PER_S)
    feed(segmenter, 30)
    feed(segmenter, 1, start=30, offset=NS_PER_S)
    assert cuts(feed(segmenter, 100, start=31), 31) == [(50, CutReason.CLOCK_STEP)]


def test_a_slow_slew_cuts_when_it_adds_up_and_a_small_one_does_not() -> None:
    segmenter = Segmenter(3600 * NS_PER_S)
    assert cuts(feed(segmenter, 50, offset=0) + feed(segmenter, 50, start=50, offset=500_000_000)) == []
    assert cuts(feed(segmenter, 50, start=100, offset=500_000_001), 100) == [(100, CutReason.CLOCK_STEP)]


@pytest.mark.parametrize("shift", [-2 * NS_PER_S, 11 * NS_PER_S, -(10**18), 10**18])
def test_a_jump_in_timestamps_cuts_at_the_next_key_frame(shift: int) -> None:
    segmenter = Segmenter(60 * NS_PER_S)
    feed(segmenter, 30)
    assert cuts(feed(segmenter, 170, start=30, shift=shift), 30) == [(50, CutReason.SOURCE_LOST)]


@pytest.mark.parametrize("shift", [-NS_PER_S // 2, -PERIOD, 9 * NS_PER_S])
def test_small_jumps_do_not_cut(shift: int) -> None:
    segmenter = Segmenter(60 * NS_PER_S)
    feed(segmenter, 30)
    assert cuts(feed(segmenter, 170, start=30, shift=shift)) == []


def test_a_long_silence_cuts() -> None:
    segmenter = Segmenter(3600 * NS_PER_S)
    segmenter.decide(True, 0, 0, HD, 0)
    assert segmenter.decide(False, PERIOD, 11 * NS_PER_S, None, 0) == CONTINUE
    assert segmenter.decide(True, 2 * PERIOD, 11 * NS_PER_S, HD, 0) == Decision(
        Action.CUT, CutReason.SOURCE_LOST
    )


def test_restart_waits_for_a_key_frame_again() -> None:
    segmenter = Segmenter(60 * NS_PER_S)
    feed(segmenter, 30)
    segmenter.restart()
    assert feed(segmenter, 30, start=30)[:21] == [WAIT_FOR_KEY] * 20 + [START]
    assert segmenter.waited == 20


@pytest.mark.parametrize("bad", [(0, 1), (1, 0), (-1, 1)])
def test_lengths_must_be_positive(bad: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="positive"):
        Segmenter(*bad)


FRAME = st.tuples(
    st.booleans(),
    st.integers(-(10**11), 10**11),
    st.integers(0, 10**11),
    st.none() | st.sampled_from([(640, 360), HD]),
    st.integers(-(10**9), 10**9),
)


@given(st.lists(FRAME, max_size=60), st.integers(1, 10**11))
def test_no_frame_is_lost_and_every_segment_starts_with_a_key(
    frames: list[tuple[bool, int, int, tuple[int, int] | None, int]], segment_ns: int
) -> None:
    segmenter = Segmenter(segment_ns)
    segments: list[list[bool]] = []
    for key, dts, arrived, size, offset in frames:
        decision = segmenter.decide(key, dts, arrived, size, offset)
        assert (decision.reason is not None) == (decision.action is Action.CUT)
        if decision.action in (Action.START, Action.CUT):
            segments.append([])
        if decision.action is not Action.WAIT_FOR_KEY:
            segments[-1].append(key)
    keys = [frame[0] for frame in frames]
    first = keys.index(True) if True in keys else len(keys)
    assert sum(map(len, segments)) == len(frames) - first
    assert segmenter.waited == first
    assert all(segment[0] for segment in segments)
