"""The account of a channel's time: every moment is recorded or in exactly one gap with its cause."""

from __future__ import annotations

import pytest

from agent.model.media import GapCause
from agent.model.times import NS_PER_S
from agent.runtime.unrecorded import SHORTEST_NS, Stretch, Unrecorded
from tests.fakes.clock import FakeClock

S = NS_PER_S


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def _recorded(account: Unrecorded, clock: FakeClock) -> None:
    now = clock.now()
    account.recorded_until(now.wall_ns, now.mono_ns)


def _resumed(account: Unrecorded, clock: FakeClock) -> Stretch | None:
    now = clock.now()
    return account.resumed(now.wall_ns, now.mono_ns)


def test_the_first_picture_of_a_new_box_follows_no_gap(clock: FakeClock) -> None:
    account = Unrecorded(None, GapCause.RESTART)
    clock.advance(5)
    assert _resumed(account, clock) is None


def test_a_camera_that_is_away_from_the_start_is_a_gap_from_then_on(clock: FakeClock) -> None:
    account = Unrecorded(None, GapCause.RESTART)
    begun = clock.now().wall_ns
    assert account.because(GapCause.SOURCE_LOST, clock.now()) is None
    clock.advance(60)
    assert account.because(GapCause.SOURCE_LOST, clock.now()) is None
    clock.advance(60)
    assert _resumed(account, clock) == Stretch(GapCause.SOURCE_LOST, begun, begun + 120 * S)


def test_the_time_since_an_earlier_run_is_a_gap_with_its_cause(clock: FakeClock) -> None:
    end = clock.now().wall_ns - 3600 * S
    account = Unrecorded(end, GapCause.STOPPED)
    assert _resumed(account, clock) == Stretch(GapCause.STOPPED, end, clock.now().wall_ns)


def test_segments_that_follow_each_other_have_no_gap(clock: FakeClock) -> None:
    account = Unrecorded(None, GapCause.RESTART)
    _resumed(account, clock)
    clock.advance(10)
    _recorded(account, clock)
    clock.advance(SHORTEST_NS / S)
    assert _resumed(account, clock) is None
    clock.advance(10)
    _recorded(account, clock)
    before = clock.now().wall_ns
    clock.advance(SHORTEST_NS / S + 0.001)
    assert _resumed(account, clock) == Stretch(GapCause.SOURCE_LOST, before, clock.now().wall_ns)


def test_a_short_pause_in_which_something_went_wrong_is_a_gap(clock: FakeClock) -> None:
    account = Unrecorded(None, GapCause.RESTART)
    _resumed(account, clock)
    clock.advance(10)
    _recorded(account, clock)
    before = clock.now().wall_ns
    account.because(GapCause.PROCESS_DIED, clock.now())
    clock.advance(0.1)
    assert _resumed(account, clock) == Stretch(GapCause.PROCESS_DIED, before, clock.now().wall_ns)


def test_a_segment_of_which_nothing_more_is_told_is_a_gap_from_its_first_picture_on(clock: FakeClock) -> None:
    account = Unrecorded(None, GapCause.RESTART)
    begun = clock.now().wall_ns
    _resumed(account, clock)
    clock.advance(0.5)
    account.because(GapCause.PROCESS_DIED, clock.now())
    clock.advance(0.5)
    assert _resumed(account, clock) == Stretch(GapCause.PROCESS_DIED, begun, clock.now().wall_ns)


def test_a_second_cause_divides_the_gap_without_a_hole(clock: FakeClock) -> None:
    account = Unrecorded(None, GapCause.RESTART)
    _resumed(account, clock)
    clock.advance(10)
    _recorded(account, clock)
    first = clock.now().wall_ns
    assert account.because(GapCause.PROCESS_DIED, clock.now()) is None
    clock.advance(2)
    second = clock.now().wall_ns
    assert account.because(GapCause.SOURCE_LOST, clock.now()) == Stretch(GapCause.PROCESS_DIED, first, second)
    clock.advance(3)
    assert _resumed(account, clock) == Stretch(GapCause.SOURCE_LOST, second, clock.now().wall_ns)
    assert account.last_picture_wall_ns == first


def test_a_crash_never_moves_the_end_of_the_account_back(clock: FakeClock) -> None:
    account = Unrecorded(None, GapCause.RESTART)
    _resumed(account, clock)
    clock.advance(10)
    _recorded(account, clock)
    end = clock.now()
    _resumed(account, clock)
    account.surely_recorded_until(end.wall_ns - S, end.mono_ns - S)
    account.because(GapCause.PROCESS_DIED, end)
    clock.advance(2)
    gap = _resumed(account, clock)
    assert gap == Stretch(GapCause.PROCESS_DIED, end.wall_ns, clock.now().wall_ns)


def test_a_clock_step_makes_no_gap_longer(clock: FakeClock) -> None:
    account = Unrecorded(None, GapCause.RESTART)
    _resumed(account, clock)
    clock.advance(10)
    _recorded(account, clock)
    account.because(GapCause.SOURCE_LOST, clock.now())
    clock.step_wall(-7200)
    clock.advance(4)
    gap = _resumed(account, clock)
    assert gap is not None
    assert gap.to_wall_ns == clock.now().wall_ns
    assert gap.to_wall_ns - gap.from_wall_ns == 4 * S
