"""What is watched of the box itself becomes leaves and alarms, and is taken back when it is over."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.formats.ledger_v1 import LeafType
from agent.link.client import LinkStats
from agent.runtime.box_watch import DOWN_NS, BoxWatch
from agent.runtime.clock_watch import ALARM_NS
from tests.unit.runtime.vaults import Run, SmallBox


class FakeLink:
    """A link that is what the test says."""

    def __init__(self) -> None:
        self.connected = True
        self.last_error: str | None = None
        self.dead = False

    @property
    def stats(self) -> LinkStats:
        return LinkStats(sent=0, refused=0, reconnects=0, restarts=0, last_error=self.last_error)

    def restart_if_dead(self) -> bool:
        dead, self.dead = self.dead, False
        return dead


@pytest.fixture
def box(tmp_path: Path) -> SmallBox:
    return SmallBox(tmp_path)


@pytest.fixture
def run(box: SmallBox) -> Iterator[Run]:
    with box.running() as one:
        yield one


def _codes(run: Run) -> list[str]:
    return [alarm.code for alarm in run.book.alarms]


def test_a_clock_step_is_entered_signed_and_an_alarm_for_an_hour(box: SmallBox, run: Run) -> None:
    watch = BoxWatch(box.vault, None, run.book, box.clock)
    watch.look()
    box.clock.advance(1)
    box.clock.step_wall(-3600)
    watch.look()
    [step] = [leaf for leaf in run.booted.ledger.leaves() if leaf.type is LeafType.CLOCK_STEP]
    assert step.body == {"step_ms": -3_600_000}
    assert run.booted.ledger.checkpoint_size > step.n
    [alarm] = run.book.alarms
    assert (alarm.code, "-3600.000 s" in alarm.text) == ("clock.stepped", True)
    box.clock.advance(ALARM_NS / 1e9)
    watch.look()
    assert _codes(run) == []


def test_refused_credentials_are_an_alarm_at_once(box: SmallBox, run: Run) -> None:
    link = FakeLink()
    watch = BoxWatch(box.vault, link, run.book, box.clock)
    link.connected, link.last_error = False, "mqtt.connack-87"
    watch.look()
    [alarm] = run.book.alarms
    assert alarm.code == "link.down"
    assert "mqtt.connack-87" in alarm.text
    assert "password" in alarm.remedy
    link.connected = True
    watch.look()
    assert _codes(run) == []


def test_a_short_outage_is_no_alarm_and_a_long_one_is(box: SmallBox, run: Run) -> None:
    link = FakeLink()
    watch = BoxWatch(box.vault, link, run.book, box.clock)
    link.connected, link.last_error = False, "mqtt.unreachable"
    box.clock.advance(DOWN_NS / 1e9)
    watch.look()
    assert _codes(run) == []
    box.clock.advance(0.1)
    watch.look()
    [alarm] = run.book.alarms
    assert (alarm.code, "network" in alarm.remedy) == ("link.down", True)


def test_a_dead_link_is_started_again_and_told(box: SmallBox, run: Run) -> None:
    link = FakeLink()
    link.connected, link.dead = False, True
    BoxWatch(box.vault, link, run.book, box.clock).look()
    assert _codes(run) == ["link.died"]


def test_a_vanished_disk_is_an_alarm_and_no_error(box: SmallBox, run: Run, tmp_path: Path) -> None:
    BoxWatch(tmp_path / "gone", None, run.book, box.clock).report()
    assert _codes(run) == ["disk.error"]
