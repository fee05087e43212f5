"""Every kind of source: what a device delivers in each of its modes, by the times of its pictures."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from itertools import pairwise

import pytest
from bench import Device, Mode
from steps import Note

from agent.model.errors import AgentError, Refuse
from agent.model.media import Captured
from agent.model.ports.source import Source
from agent.model.times import NS_PER_S

# While a stream begins, drivers and cameras deliver what they have stored.
SETTLING = 5


def take_seconds(source: Source, seconds: float) -> list[Captured]:
    """What comes in so many seconds of media time, after the first pictures."""
    taken: list[Captured] = []
    for number, captured in enumerate(source.packets()):
        if number < SETTLING:
            continue
        taken.append(captured)
        if (captured.dts - taken[0].dts) * source.facts.time_base >= seconds:
            break
    return taken


def test_a_mode_is_delivered_as_it_is_set(device: Device, mode: Mode, note: Note) -> None:
    with closing(device.open(mode)) as source:
        facts = source.facts
        taken = take_seconds(source, device.seconds)
    assert (facts.width, facts.height) == (mode.width, mode.height)
    if facts.device is not None:
        assert facts.device.differences == (), "the device reads back other than it was set"

    steps = [float((after.dts - before.dts) * facts.time_base) for before, after in pairwise(taken)]
    rate = len(steps) / sum(steps)
    off = 100 * abs(rate - float(mode.rate)) / float(mode.rate)
    period = 1 / float(mode.rate)
    lost = sum(max(0, round(step / period) - 1) for step in steps)
    jitter = sorted(
        abs((after.arrived_ns - before.arrived_ns) / NS_PER_S - step)
        for (before, after), step in zip(pairwise(taken), steps, strict=True)
    )
    note("rate, frames/s", f"{rate:.3f}", f"{float(mode.rate):g} ± {device.rate_percent:g} %")
    note("lost, of frames", f"{lost} of {len(taken) + lost}", f"{device.lost_percent:g} %")
    note("jitter p99, ms", f"{1000 * jitter[int(0.99 * (len(jitter) - 1))]:.1f}", "told only")
    assert off <= device.rate_percent
    assert 100 * lost <= device.lost_percent * len(taken)
    assert all(step > 0 for step in steps)
    assert all(captured.size > 0 for captured in taken)


def test_who_it_is(device: Device, note: Note) -> None:
    """Only what can tell: RTSP, files and the synthetic source have no identity."""
    with closing(device.open(device.modes[0])) as source:
        report = source.facts.device
    if device.kind not in ("v4l2", "onvif"):
        assert report is None
        return
    assert report is not None
    note("identity", f"{report.manufacturer} {report.model} {report.firmware} {report.serial}", "told")
    note("profile", report.media_profile, "told")
    assert report.model
    if device.model is not None:
        assert report.model == device.model


def test_it_can_be_opened_again_and_again(device: Device) -> None:
    for _ in range(5):
        with closing(device.open(device.modes[0])) as source:
            first = next(source.packets())
            assert first.size > 0


@pytest.mark.needs("impossible", "v4l2")
def test_what_it_can_not_do_is_told(device: Device, note: Note) -> None:
    assert device.impossible is not None
    with closing(device.open(device.impossible)) as source:
        report = source.facts.device
        assert next(source.packets()).size > 0, "recording goes on all the same"
    assert report is not None
    note("differences", "; ".join(f"{d.setting}: {d.got} ({d.why})" for d in report.differences), "told")
    assert report.differences


@pytest.mark.needs("v4l2")
def test_a_number_of_an_input_that_is_not_there_is_refused(device: Device) -> None:
    broken = replace(device, source={**device.source, "input": 63})
    with pytest.raises(AgentError) as failed:
        broken.open(device.modes[0])
    assert failed.value.code == "source.refused"
    assert not isinstance(failed.value, Refuse), "a driver that is loaded again may have it"
