"""Which pictures are kept for a rate, and when there is no time for more."""

from __future__ import annotations

from fractions import Fraction

import pytest

from agent.capture.measure import Meter
from agent.capture.pacing import BUSY_NS, HOPELESS_NS, Decimator, Load
from agent.model.times import NS_PER_S


def kept(times: list[int], rate: Fraction) -> list[int]:
    decimator = Decimator(rate)
    return [at for at in times if decimator.keeps(at)]


def times(rate: Fraction, count: int, shiver_ns: int = 0) -> list[int]:
    """Times that shiver a little: early, late, early, late."""
    return [round(n * NS_PER_S / rate) + (-1) ** n * shiver_ns * (n > 0) for n in range(count)]


@pytest.mark.parametrize("shiver_ns", [0, 1_500_000])
@pytest.mark.parametrize(
    ("comes", "wanted"),
    [(60, 30), (60, 25), (50, 30), (50, 25), (30, 25), (120, 25), (Fraction(60000, 1001), 30)],
)
def test_the_rate_is_met_and_nothing_counts_as_lost(
    comes: Fraction | int, wanted: int, shiver_ns: int
) -> None:
    decimator, meter, left_out = Decimator(Fraction(wanted)), Meter(Fraction(wanted), 2 * NS_PER_S), 0
    for at in times(Fraction(comes), 600, shiver_ns):
        if decimator.keeps(at):
            meter.add(at, at, is_key=True, size=1, left_out=left_out)
            left_out = 0
        else:
            left_out += 1
    found = meter.snapshot()
    assert float(found.rate) == pytest.approx(wanted, rel=0.01)
    assert found.missing == 0


def test_a_picture_that_never_came_counts_as_lost_although_others_were_left_out() -> None:
    decimator, meter, left_out = Decimator(Fraction(30)), Meter(Fraction(30), 2 * NS_PER_S), 0
    for number, at in enumerate(times(Fraction(60), 600)):
        if 100 <= number < 105:
            continue
        if decimator.keeps(at):
            meter.add(at, at, is_key=True, size=1, left_out=left_out)
            left_out = 0
        else:
            left_out += 1
    assert meter.snapshot().missing == 5


def test_after_a_gap_nothing_is_made_up_for() -> None:
    before, after = times(Fraction(60), 60), [at + 10 * NS_PER_S for at in times(Fraction(60), 60)]
    found = kept(before + after, Fraction(30))
    assert len([at for at in found if at >= 10 * NS_PER_S]) == 30


def test_slower_pictures_are_all_kept() -> None:
    assert kept(times(Fraction(20), 100, 3_000_000), Fraction(25)) == times(Fraction(20), 100, 3_000_000)


def test_work_that_is_done_in_time_is_no_load() -> None:
    load = Load()
    for at in times(Fraction(25), 500):
        load.arrives(at)
        load.took(39_000_000)
        assert not load.is_busy


def test_too_much_work_is_busy_until_half_of_it_is_made_up_for() -> None:
    load, number = Load(), 0
    while not load.is_busy:
        load.arrives(number * 40_000_000)
        load.took(60_000_000)
        number += 1
    assert number == pytest.approx(BUSY_NS / 20_000_000, abs=2)
    free = 0
    while load.is_busy:
        load.arrives(number * 40_000_000)
        number, free = number + 1, free + 1
    assert free * 40_000_000 >= BUSY_NS // 2
    assert not load.is_hopeless


def test_work_that_nobody_can_do_is_hopeless_and_ends() -> None:
    load = Load()
    load.arrives(0)
    load.took(HOPELESS_NS + 100_000_000)
    load.arrives(40_000_000)
    assert load.is_hopeless
    load.arrives(40_000_000 + HOPELESS_NS)
    assert not load.is_hopeless


def test_a_long_step_of_the_timestamps_forgives_all_and_a_step_back_nothing() -> None:
    load = Load()
    load.arrives(10 * NS_PER_S)
    load.took(HOPELESS_NS)
    load.arrives(0)
    assert load.is_busy
    load.arrives(20 * NS_PER_S)
    assert not load.is_busy
