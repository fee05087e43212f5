"""What the tests of the V4L2 driver share: devices that a script speaks for, and sources on them."""

from __future__ import annotations

from contextlib import closing
from fractions import Fraction
from itertools import islice
from typing import Any

import pytest

from agent.device.drivers.v4l2 import V4l2Source
from agent.model.errors import AgentError
from agent.model.media import Captured
from agent.model.source_settings import V4l2Settings
from agent.model.spec import CollectionSpec
from tests.fakes.clock import FakeClock
from tests.fakes.video_nodes import HD_60, FakeDevice

PATH = "/dev/v4l/by-path/test-video-index0"
VGA, HD = (640, 480), (1280, 720)


def camera(**more: Any) -> FakeDevice:
    return FakeDevice(clock=FakeClock(), formats={"YUYV": {VGA: (25, 5)}}, **more)


def grabber(**more: Any) -> FakeDevice:
    formats: dict[str, dict[tuple[int, int], tuple[int, ...]]] = {"NV12": {}, "YUYV": {}}
    found = FakeDevice(clock=FakeClock(), formats=formats, driver="grabber", card="HDMI Grabber", **more)
    found.timings = more.get("timings", HD_60)
    found.period_s = 1 / 60
    return found


def spec(size: tuple[int, int] = VGA, rate: str = "25", **more: Any) -> CollectionSpec:
    return CollectionSpec(width=size[0], height=size[1], rate=Fraction(rate), **more)


def opened(device: FakeDevice, wanted: CollectionSpec | None, number: int | None = None) -> V4l2Source:
    settings = V4l2Settings(device=PATH, input=number, spec=wanted)
    return V4l2Source(settings, device.clock, device.connect)


def take(source: V4l2Source, count: int) -> list[Captured]:
    with closing(source):
        return list(islice(source.packets(), count))


def ending(source: V4l2Source) -> tuple[list[Captured], AgentError]:
    """What came until it failed, and why it did."""
    found: list[Captured] = []
    with closing(source), pytest.raises(AgentError) as failed:
        found.extend(source.packets())
    return found, failed.value


def refusal(
    device: FakeDevice, wanted: CollectionSpec | None = None, number: int | None = None
) -> AgentError:
    """Why it can't be opened; nothing stays open then."""
    with pytest.raises(AgentError) as failed:
        opened(device, wanted or spec(), number)
    assert device.open_nodes == 0
    assert failed.value.advice
    return failed.value
