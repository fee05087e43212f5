"""The agent's own checks: a fault becomes one alarm, another fault of the same check another, a cure none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.health.check import EVERY, Check
from agent.health.site import Site, Skip
from agent.model.finding import Judged, Owner, Status
from agent.runtime.book import Book
from agent.runtime.health_watch import CONTINUOUS, HealthWatch
from tests.fakes.sites import FakeBox, healthy
from tests.unit.runtime.vaults import SmallBox


@pytest.fixture
def box(tmp_path: Path) -> FakeBox:
    return healthy(tmp_path / "site")


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Book]:
    with SmallBox(tmp_path / "box").running() as run:
        yield run.book


def rounds(watch: HealthWatch, count: int = 1) -> None:
    """Each: sample, wait for the end, take in."""
    for _ in range(count):
        watch.look()
        watch.wait(10)
        watch.take()


def raised(book: Book) -> list[tuple[str, str, str]]:
    return [(alarm.entity, alarm.code, alarm.severity) for alarm in book.alarms]


def test_a_healthy_box_has_no_alarm(book: Book, box: FakeBox) -> None:
    rounds(HealthWatch(book, box.site, ["ch0"]))
    assert raised(book) == []


def test_a_fault_is_one_alarm_and_goes_with_its_cause(book: Book, box: FakeBox) -> None:
    watch = HealthWatch(book, box.site, ["ch0"])
    box.write("/sys/class/thermal/thermal_zone0/temp", "80000\n")
    rounds(watch, 2)
    assert raised(book) == [("_", "health.host-temp", "warning")]
    box.write("/sys/class/thermal/thermal_zone0/temp", "95000\n")
    rounds(watch)
    assert raised(book) == [("_", "health.host-temp", "critical")]
    box.write("/sys/class/thermal/thermal_zone0/temp", "40000\n")
    rounds(watch)
    assert raised(book) == []


def test_what_could_not_be_checked_neither_raises_nor_closes(book: Book, box: FakeBox) -> None:
    answers = [Status.FAIL, None, None]

    def sample(_site: Site, _target: str | None) -> Status:
        answer = answers.pop(0) if answers else Status.PASS
        if answer is None:
            raise Skip("no-hardware")
        return answer

    check = Check(
        id="host.temp",
        owner=Owner.MAKER,
        profiles=EVERY,
        messages=("hot",),
        sample=sample,
        judge=lambda status: Judged(status=status, message="hot", values={"celsius": "95"}),
    )
    watch = HealthWatch(book, box.site, ["ch0"], (check,))
    rounds(watch, 3)
    assert answers == []
    assert raised(book) == [("_", "health.host-temp", "critical")]
    rounds(watch)
    assert raised(book) == []


def test_every_minute_runs_what_needs_no_network_and_no_idle_box() -> None:
    assert {check.id for check in CONTINUOUS} == {
        "host.time",
        "host.load",
        "host.mem",
        "host.temp",
        "host.swap",
        "store.inodes",
        "store.space",
        "store.vault",
        "svc.memory",
        "crypto.key",
        "net.link",
        "sec.ports",
        "sec.media",
    }
