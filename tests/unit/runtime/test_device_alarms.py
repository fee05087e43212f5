"""The alarms that follow from what a device told when it was opened."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest

from agent.formats import ipc_v1 as ipc
from agent.formats.ledger_v1 import LeafType
from agent.runtime.device_alarms import CLOCK, SETTINGS, DeviceAlarms
from tests.unit.runtime.vaults import Run, SmallBox

RATE = ("rate", "25 frames/s", "24 frames/s")


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    with SmallBox(tmp_path).running() as running:
        yield running


def _opened(
    *different: tuple[str, str, str],
    why: Literal["not-offered", "refused", "changed", "left-alone"] = "changed",
    clock_ahead_ms: int | None = 0,
) -> ipc.SourceOpened:
    device = ipc.DeviceTold(
        manufacturer="Maker",
        model="Model",
        firmware="1",
        serial="S",
        clock_ahead_ms=clock_ahead_ms,
        media_profile="p",
        written=(),
        differences=tuple(
            ipc.SettingDifference(setting=setting, asked=asked, got=got, why=why)
            for setting, asked, got in different
        ),
    )
    return ipc.SourceOpened(codec="h264", width=1, height=1, has_audio=False, device=device)


def _raised(run: Run) -> dict[str, str]:
    return {alarm.code: alarm.text for alarm in run.book.alarms if alarm.entity == "ch0"}


def test_a_device_that_is_right_raises_nothing(run: Run) -> None:
    DeviceAlarms("ch0", run.book).source_opened(_opened())
    assert _raised(run) == {}


def test_a_source_that_was_not_asked_changes_nothing(run: Run) -> None:
    alarms = DeviceAlarms("ch0", run.book)
    alarms.source_opened(_opened(RATE))
    alarms.source_opened(ipc.SourceOpened(codec="h264", width=1, height=1, has_audio=False))
    assert set(_raised(run)) == {SETTINGS}


def test_each_difference_is_told_once_until_it_is_another(run: Run) -> None:
    alarms = DeviceAlarms("ch0", run.book)
    for _ in range(3):
        alarms.source_opened(_opened(RATE))
    [text] = _raised(run).values()
    assert text.endswith("rate: asked 25 frames/s, got 24 frames/s (the device made something else of it)")
    alarms.source_opened(_opened(RATE, ("size", "1280x720", "640x480"), why="refused"))
    assert "size: asked 1280x720, got 640x480 (the device refused it)" in _raised(run)[SETTINGS]
    alarms.source_opened(_opened())
    assert _raised(run) == {}
    kinds = [leaf.type for leaf in run.booted.ledger.leaves()]
    assert kinds.count(LeafType.ALARM_RAISED) == kinds.count(LeafType.ALARM_CLOSED) == 2


@pytest.mark.parametrize(
    ("ahead_ms", "text"),
    [
        (None, None),
        (0, None),
        (2_000, None),
        (-2_000, None),
        (2_600, "the device's clock is 3 s ahead"),
        (-25_200_343, "the device's clock is 25200 s behind"),
    ],
)
def test_the_clock(run: Run, ahead_ms: int | None, text: str | None) -> None:
    DeviceAlarms("ch0", run.book).source_opened(_opened(clock_ahead_ms=ahead_ms))
    assert _raised(run).get(CLOCK) == text
