"""The synthetic source: exact times, and every fault of its script seen in what it sends."""

from __future__ import annotations

from fractions import Fraction
from itertools import islice, pairwise

import numpy as np
import pytest
from av.codec.context import CodecContext
from av.packet import Packet

from agent.capture.bitstream import picture_size
from agent.device.drivers import open_source
from agent.device.drivers.picture import Painter
from agent.device.drivers.synthetic import SyntheticSource
from agent.model.errors import Refuse, Retry
from agent.model.media import Captured
from agent.model.source_settings import Fault, FaultKind, Pace, SyntheticSettings
from tests.fakes.clock import FakeClock

NS = 1_000_000_000


def _settings(*script: Fault, seconds: float | None = 4, rate: Fraction = Fraction(25)) -> SyntheticSettings:
    return SyntheticSettings(
        width=160, height=128, rate=rate, pace=Pace.FAST, seconds=seconds, script=tuple(script)
    )


def _packets(settings: SyntheticSettings) -> list[Captured]:
    return list(open_source(settings, FakeClock()).packets())


def _pictures(packets: list[Captured]) -> list[np.ndarray]:
    decoder = CodecContext.create("h264", "r")
    frames = []
    for captured in packets:
        assert isinstance(captured.packet, Packet)
        frames += decoder.decode(captured.packet)
    frames += decoder.decode(None)
    return [frame.to_ndarray()[: frame.height].astype(int) for frame in frames]


def _sizes(packets: list[Captured]) -> list[tuple[int, int] | None]:
    codec = open_source(_settings(), FakeClock()).facts.codec
    sizes = [picture_size(codec, bytes(p.packet)) for p in packets if p.is_key]
    return [(s.width, s.height) if s else None for s in sizes]


def test_times_are_exact_and_do_not_drift() -> None:
    rate = Fraction(30000, 1001)
    clock = FakeClock()
    source = open_source(_settings(rate=rate, seconds=None), clock)
    packets = list(islice(source.packets(), 600))
    assert [p.pts for p in packets] == [3003 * n for n in range(600)]
    expected = [clock.mono_ns() + int(Fraction(n) / rate * NS) for n in range(600)]
    assert [p.arrived_ns for p in packets] == expected
    assert [n for n, p in enumerate(packets) if p.is_key][:3] == [0, 30, 60]


def test_real_time_sleeps_until_each_picture_is_due() -> None:
    clock = FakeClock()
    started = clock.mono_ns()
    source = SyntheticSource(SyntheticSettings(width=160, height=128, seconds=2), clock, clock.advance)
    assert [p.arrived_ns - started for p in source.packets()] == [n * NS // 25 for n in range(50)]


def test_a_late_source_leaves_no_picture_out() -> None:
    clock = FakeClock()
    source = SyntheticSource(SyntheticSettings(width=160, height=128, seconds=2), clock, clock.advance)
    packets = source.packets()
    next(packets)
    clock.advance(1.0)
    rest = list(packets)
    assert [p.pts for p in rest] == [3600 * n for n in range(1, 50)]
    assert all(after.arrived_ns >= before.arrived_ns for before, after in pairwise(rest))


def test_the_picture_moves_unless_frozen() -> None:
    packets = _packets(_settings(Fault(kind=FaultKind.FREEZE, at_s=1, for_s=2)))
    pictures = _pictures(packets)
    moves = [float(np.abs(a - b).mean()) for a, b in pairwise(pictures)]
    assert len(pictures) == 100
    assert min(moves[:24]) > 0.5
    assert max(moves[30:70]) < 0.5
    assert min(moves[75:]) > 0.5


def test_black() -> None:
    pictures = _pictures(_packets(_settings(Fault(kind=FaultKind.BLACK, at_s=1, for_s=1))))
    means = [float(picture.mean()) for picture in pictures]
    assert max(means[27:49]) < 20
    assert min(means[:24] + means[52:]) > 40


@pytest.mark.parametrize(("value", "every"), [(None, 5), ("2", 2)])
def test_duplicates_repeat_the_picture_before(value: str | None, every: int) -> None:
    fault = Fault(kind=FaultKind.DUPLICATE, at_s=1, for_s=2, value=value)
    pictures = _pictures(_packets(_settings(fault)))
    moves = [float(np.abs(a - b).mean()) for a, b in pairwise(pictures)]
    repeated = [number for number in range(25, 75) if number % every == 0]
    still = [number for number, move in enumerate(moves, start=1) if move < min(moves[:24]) / 2]
    assert still == [number for number in repeated if number > 25 or every == 5]


def test_a_defocus_takes_the_edges_and_leaves_the_light() -> None:
    pictures = _pictures(_packets(_settings(Fault(kind=FaultKind.DEFOCUS, at_s=2, for_s=2))))
    edges = [float(np.abs(np.diff(picture, axis=1)).max()) for picture in pictures]
    assert max(edges[52:]) < min(edges[:49]) / 2
    assert abs(pictures[60].mean() - pictures[40].mean()) < 8


def test_covered_is_dark_and_flat_with_a_bright_rim() -> None:
    picture = _pictures(_packets(_settings(Fault(kind=FaultKind.COVERED, at_s=0, for_s=4))))[40]
    assert picture[:, :140].mean() < 90
    assert picture[:, -2:].mean() > 150
    assert np.abs(np.diff(picture[:, :140], axis=1)).mean() < 2


@pytest.mark.parametrize(("value", "luma"), [(None, 41), ("white", 235), ("bars", 180)])
def test_no_signal_shows_a_card_that_stands(value: str | None, luma: int) -> None:
    pictures = _pictures(_packets(_settings(Fault(kind=FaultKind.NO_SIGNAL, at_s=0, for_s=4, value=value))))
    assert abs(float(np.median(pictures[50][:20, :10])) - luma) <= 3
    assert float(np.abs(pictures[60] - pictures[40]).mean()) < 1


def test_a_clock_that_jumps_forward_leaves_a_hole_in_the_timestamps_only() -> None:
    packets = _packets(_settings(Fault(kind=FaultKind.CLOCK_JUMP, at_s=2, for_s=9, value="5")))
    steps = [(after.pts - before.pts) / 90_000 for before, after in pairwise(packets)]
    assert steps[49] == pytest.approx(5.04)
    assert {round(step, 2) for number, step in enumerate(steps) if number != 49} == {0.04}
    arrivals = {after.arrived_ns - before.arrived_ns for before, after in pairwise(packets)}
    assert arrivals == {NS // 25}


def test_a_clock_that_jumps_back_is_bridged_and_told() -> None:
    packets = _packets(_settings(Fault(kind=FaultKind.CLOCK_JUMP, at_s=2, for_s=9, value="-3")))
    assert [packet.pts for packet in packets] == [3600 * number for number in range(100)]
    assert {n: packet.stepped for n, packet in enumerate(packets) if packet.stepped} == {50: -270_000}


def test_sound_is_declared_and_never_handed_out() -> None:
    source = open_source(_settings(Fault(kind=FaultKind.AUDIO, at_s=0, for_s=1)), FakeClock())
    assert source.facts.has_audio
    assert len(list(source.packets())) == 100


def test_size_change_comes_with_new_parameter_sets() -> None:
    packets = _packets(_settings(Fault(kind=FaultKind.SIZE_CHANGE, at_s=1.2, for_s=1, value="320x240")))
    sizes = _sizes(packets)
    assert sizes[:2] == [(160, 128)] * 2
    assert (320, 240) in sizes
    assert sizes[-1] == (160, 128)
    assert packets[30].is_key
    assert len(packets) == 100


def test_rate_change() -> None:
    packets = _packets(_settings(Fault(kind=FaultKind.RATE_CHANGE, at_s=1, for_s=1, value="5")))
    steps = [after.pts - before.pts for before, after in pairwise(packets)]
    assert steps.count(18000) == 5
    assert steps.count(3600) == len(steps) - 5
    assert steps[25:30] == [18000] * 5


def test_loss_of_one_in_three() -> None:
    packets = _packets(_settings(Fault(kind=FaultKind.LOSS, at_s=1, for_s=2, value="3")))
    assert len(packets) == 100 - sum(1 for n in range(25, 75) if n % 3 == 0)


@pytest.mark.parametrize("kind", [FaultKind.SILENCE, FaultKind.LOSS])
def test_silence_is_a_stall_after_1800_ms(kind: FaultKind) -> None:
    clock = FakeClock()
    started = clock.mono_ns()
    settings = SyntheticSettings(width=160, height=128, script=(Fault(kind=kind, at_s=1, for_s=10),))
    packets = SyntheticSource(settings, clock, clock.advance).packets()
    with pytest.raises(Retry) as caught:
        list(packets)
    assert caught.value.code == "source.stalled"
    assert 2.7 * NS < clock.mono_ns() - started < 3.0 * NS


def test_fast_silence_raises_at_once_and_short_silence_is_a_gap() -> None:
    with pytest.raises(Retry, match=r"source\.stalled"):
        _packets(_settings(Fault(kind=FaultKind.SILENCE, at_s=1, for_s=10)))
    packets = _packets(_settings(Fault(kind=FaultKind.SILENCE, at_s=1, for_s=1)))
    steps = [after.arrived_ns - before.arrived_ns for before, after in pairwise(packets)]
    assert sorted(steps)[-1] == 26 * NS // 25
    assert len(packets) == 75


def test_close_wakes_a_sleeper() -> None:
    clock = FakeClock()
    source = SyntheticSource(SyntheticSettings(width=160, height=128), clock, lambda _: source.close())
    assert len(list(source.packets())) == 1


@pytest.mark.parametrize(
    "settings",
    [
        SyntheticSettings(width=161),
        SyntheticSettings(height=0),
        SyntheticSettings(rate=Fraction(0)),
        _settings(Fault(kind=FaultKind.SIZE_CHANGE, at_s=0, for_s=1, value="big")),
        _settings(Fault(kind=FaultKind.SIZE_CHANGE, at_s=0, for_s=1)),
        _settings(Fault(kind=FaultKind.RATE_CHANGE, at_s=0, for_s=1)),
        _settings(Fault(kind=FaultKind.RATE_CHANGE, at_s=0, for_s=1, value="1/0")),
        _settings(Fault(kind=FaultKind.LOSS, at_s=0, for_s=1, value="0")),
        _settings(Fault(kind=FaultKind.DUPLICATE, at_s=0, for_s=1, value="1")),
        _settings(Fault(kind=FaultKind.DEFOCUS, at_s=0, for_s=1, value="101")),
        _settings(Fault(kind=FaultKind.NO_SIGNAL, at_s=0, for_s=1, value="green")),
        _settings(Fault(kind=FaultKind.CLOCK_JUMP, at_s=0, for_s=1)),
        _settings(Fault(kind=FaultKind.CLOCK_JUMP, at_s=0, for_s=1, value="90000")),
    ],
)
def test_settings_that_are_refused(settings: SyntheticSettings) -> None:
    with pytest.raises(Refuse) as caught:
        open_source(settings, FakeClock())
    assert caught.value.code == "source.settings"


@pytest.mark.parametrize("size", [(32, 32), (640, 480), (1920, 1080), (34, 500), (4096, 32)])
def test_any_even_size_can_be_painted(size: tuple[int, int]) -> None:
    painter = Painter(*size)
    first, second = (
        painter.picture(1, "2026-11-24T00:00:00.040"),
        painter.picture(2, "2026-11-24T00:00:00.080"),
    )
    assert first.shape == (size[1] * 3 // 2, size[0])
    assert (first != second).any()
    assert (first == painter.picture(1, "2026-11-24T00:00:00.040")).all()
