"""Times that cameras really send, and what becomes of them."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from agent.device.drivers.timestamps import MAX_HELD, TimestampRepair

Stamp = tuple[int | None, int | None]


def _run(stamps: list[Stamp], period: int = 3600) -> tuple[list[tuple[int, int]], TimestampRepair[int]]:
    repair: TimestampRepair[int] = TimestampRepair(period)
    out = [entry for index, (pts, dts) in enumerate(stamps) for entry in repair.add(index, pts, dts)]
    out += repair.flush()
    assert [index for index, _, _ in out] == list(range(len(stamps))), "none lost, none reordered"
    return [(pts, dts) for _, pts, dts in out], repair


def test_good_times_stay() -> None:
    stamps: list[Stamp] = [(7200, 0), (3600, 3600), (10800, 7200)]
    out, repair = _run(stamps)
    assert out == [(7200, 0), (3600, 3600), (10800, 7200)]
    assert (repair.repairs, repair.resets) == (0, 0)


def test_the_first_rtsp_packet_gets_the_time_before_the_next() -> None:
    out, repair = _run([(None, None), (3600, 3600), (7200, 7200)])
    assert out == [(0, 0), (3600, 3600), (7200, 7200)]
    assert repair.repairs == 1


def test_equal_times_grow_by_one_tick() -> None:
    out, repair = _run([(0, 0), (0, 0), (3600, 3600)])
    assert out == [(0, 0), (1, 1), (3600, 3600)]
    assert repair.repairs == 2  # dts, and pts which may not lie before it


def test_missing_decoding_times_follow_the_pictures() -> None:
    out, _ = _run([(0, 0), (3600, None), (7200, None)])
    assert out == [(0, 0), (3600, 3600), (7200, 7200)]


def test_a_camera_that_restarts_its_clock_goes_on() -> None:
    out, repair = _run([(900000, 900000), (903600, 903600), (0, 0), (3600, 3600)])
    assert out == [(900000, 900000), (903600, 903600), (907200, 907200), (910800, 910800)]
    assert repair.resets == 1


def test_a_gap_stays_a_gap() -> None:
    assert _run([(0, 0), (900000, 900000)])[0] == [(0, 0), (900000, 900000)]


def test_a_stream_without_any_times_gets_some() -> None:
    count = MAX_HELD + 20
    out, _ = _run([(None, None)] * count)
    assert [dts for _, dts in out] == list(range(0, count * 3600, 3600))


_TIME = st.one_of(st.none(), st.integers(-(2**40), 2**40), st.integers(-10000, 10000))


@given(st.lists(st.tuples(_TIME, _TIME), max_size=120), st.integers(0, 100000))
def test_whatever_comes_decoding_times_grow(stamps: list[Stamp], period: int) -> None:
    out, _ = _run(stamps, period)
    assert all(after[1] > before[1] for before, after in pairwise(out))
    assert all(pts >= dts for pts, dts in out)


def test_a_clock_that_jumps_back_says_by_how_much_and_only_once() -> None:
    repair: TimestampRepair[str] = TimestampRepair(40)
    for number in range(3):
        repair.add("p", 10_000 + 40 * number, 10_000 + 40 * number)
        assert repair.stepped == 0
    repair.add("p", 80, 80)
    assert repair.stepped == 80 - 10_080 - 40
    repair.add("p", 120, 120)
    assert repair.stepped == 0
