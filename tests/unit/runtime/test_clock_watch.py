"""The wall clock is stepped: noticed once, by how much, and calm again after an hour. Slewing is no step."""

from __future__ import annotations

from agent.runtime.clock_watch import ALARM_NS, LIMIT_NS, ClockWatch
from tests.fakes.clock import FakeClock

LIMIT_S = LIMIT_NS / 1e9


def test_a_step_is_told_once_with_its_sign() -> None:
    watch, clock = ClockWatch(), FakeClock()
    assert watch.look(clock.now()) is None
    clock.advance(1)
    clock.step_wall(-3600)
    assert watch.look(clock.now()) == -3_600_000_000_000
    clock.advance(1)
    assert watch.look(clock.now()) is None


def test_slewing_over_days_is_no_step() -> None:
    watch, clock = ClockWatch(), FakeClock()
    for _ in range(100):
        clock.advance(1)
        clock.step_wall(LIMIT_S)
        assert watch.look(clock.now()) is None


def test_it_is_calm_again_once_an_hour_after_the_last_step() -> None:
    watch, clock = ClockWatch(), FakeClock()
    watch.look(clock.now())
    assert not watch.calm(clock.now()), "there was no step"
    for _ in range(2):
        clock.step_wall(10)
        assert watch.look(clock.now())
        clock.advance(ALARM_NS / 1e9 - 1)
        assert not watch.calm(clock.now())
    clock.advance(1)
    assert watch.calm(clock.now())
    assert not watch.calm(clock.now())
