"""A stop after, and instead of, every single step of the key authority: one epoch is always whole.

After the stop the next command must find either everything as before or everything as after, never a ticket
that is lost although nobody destroyed it, nor one that the record calls destroyed and that still opens.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from agent.authority.disk import Disk, SystemDisk
from agent.authority.door import create, opened
from agent.authority.spent import Use
from agent.authority.store import Order
from agent.formats.tickets_v1 import TicketClass
from agent.model.errors import Refuse
from agent.seal.capsule import make_capsule, open_capsule
from agent.seal.recording_key import new_key_pair
from tests.fakes.authorities import DAY_NS
from tests.fakes.clock import START_WALL_NS

CUSTODIAN = new_key_pair(os.urandom)
RECORDING = new_key_pair(os.urandom)


class Killed(BaseException):
    """As SIGKILL: nothing of the program runs after it."""


class DyingDisk:
    """The real disk for `steps` steps; the one after that is the last, and is done or not."""

    def __init__(self, steps: int, *, last_is_done: bool) -> None:
        self._left = steps
        self._last_is_done = last_is_done
        self._disk = SystemDisk()
        self.died = False

    def _step(self, done: Callable[[], None]) -> None:
        if self.died:
            raise AssertionError("the dead do nothing")
        if self._left == 0:
            self.died = True
            if self._last_is_done:
                done()
            raise Killed
        self._left -= 1
        done()

    def make_directory(self, path: Path) -> None:
        self._step(lambda: self._disk.make_directory(path))

    def write(self, path: Path, data: bytes, mode: int = 0o600) -> None:
        self._step(lambda: self._disk.write(path, data, mode))

    def overwrite_with_zeros(self, path: Path) -> None:
        self._step(lambda: self._disk.overwrite_with_zeros(path))

    def rename(self, source: Path, target: Path) -> None:
        self._step(lambda: self._disk.rename(source, target))

    def remove(self, path: Path) -> None:
        self._step(lambda: self._disk.remove(path))

    def remove_tree(self, path: Path) -> None:
        self._step(lambda: self._disk.remove_tree(path))


class House:
    """Two batches of two tickets, and a capsule for each ticket."""

    def __init__(self, root: Path) -> None:
        self.directory, self.epoch_key = root / "authority", root / "medium.key"
        create(self.directory, self.epoch_key, "h1", SystemDisk(), START_WALL_NS, os.urandom)
        self.capsules: dict[str, bytes] = {}
        for _ in range(2):
            self.issue(SystemDisk())
        with opened(self.directory, self.epoch_key, SystemDisk()) as authority:
            for batch in authority.batches():
                for ticket in batch.tickets:
                    self.capsules[ticket.id] = make_capsule(
                        RECORDING.identity, [CUSTODIAN.recipient], os.urandom, ticket.recipient
                    )

    def issue(self, disk: Disk) -> None:
        order = Order(
            boxes=("test-box",),
            kind=TicketClass.RECORDING,
            level=4,
            count=2,
            not_before_ns=START_WALL_NS,
            not_after_ns=START_WALL_NS + DAY_NS,
            retention="30 days",
        )
        with opened(self.directory, self.epoch_key, disk) as authority:
            authority.issue(order, START_WALL_NS, os.urandom)

    def destroy(self, ticket: str, disk: Disk) -> None:
        with opened(self.directory, self.epoch_key, disk) as authority:
            [batch] = [one.batch for one in authority.batches() if ticket in {t.id for t in one.tickets}]
            uses = [Use(ticket=ticket, batch=batch, day="2026-01-01")]
            authority.destroy([ticket], "over", START_WALL_NS, os.urandom, uses=uses)

    def opening(self) -> set[str]:
        """The tickets whose capsules open now; the directory must be sound."""
        found = set()
        with opened(self.directory, self.epoch_key, SystemDisk()) as authority:
            assert authority.audit(with_key=True) == ()
            for ticket, capsule in self.capsules.items():
                try:
                    inner = authority.unwrap(capsule, ticket, START_WALL_NS).inner
                except Refuse as error:
                    assert error.code == "authority.destroyed"
                    continue
                assert open_capsule(inner, [CUSTODIAN.identity]) == RECORDING.identity
                found.add(ticket)
        return found


def stops(root: Path, work: Callable[[House, Disk], None], *, last_is_done: bool) -> Iterator[House]:
    """A fresh house after each possible stop of `work`; ends when it gets through."""
    for steps in count():
        house = House(root / str(steps))
        disk = DyingDisk(steps, last_is_done=last_is_done)
        try:
            work(house, disk)
        except Killed:
            yield house
            continue
        assert not disk.died
        assert steps >= 3, "there were hardly any steps: does the code go past the disk?"
        return


@pytest.mark.parametrize("last_is_done", [True, False])
def test_destroying(tmp_path: Path, last_is_done: bool) -> None:
    outcomes = []

    def work(house: House, disk: Disk) -> None:
        house.destroy(next(iter(house.capsules)), disk)

    for house in stops(tmp_path, work, last_is_done=last_is_done):
        everything = set(house.capsules)
        doomed = next(iter(house.capsules))
        after = house.opening()
        assert after in (everything, everything - {doomed})
        outcomes.append(doomed in after)
        assert [path.name for path in (house.directory / "wrapped").iterdir()] == [str(epoch(house))]
        # A second try brings it to its end, or is told that it is done.
        if doomed in after:
            house.destroy(doomed, SystemDisk())
        assert house.opening() == everything - {doomed}
        assert sorted(outcomes, reverse=True) == outcomes, "once destroyed, always destroyed"
    assert set(outcomes) == {True, False}, "no stop fell on one of the two sides"


@pytest.mark.parametrize("last_is_done", [True, False])
def test_issuing(tmp_path: Path, last_is_done: bool) -> None:
    for house in stops(tmp_path, House.issue, last_is_done=last_is_done):
        assert house.opening() == set(house.capsules)
        house.issue(SystemDisk())
        doomed = next(iter(house.capsules))
        house.destroy(doomed, SystemDisk())
        assert house.opening() == set(house.capsules) - {doomed}


@pytest.mark.parametrize("last_is_done", [True, False])
def test_taking_up_a_broken_off_destruction_may_be_broken_off_too(tmp_path: Path, last_is_done: bool) -> None:
    def work(house: House, disk: Disk) -> None:
        # The note is written, nothing after it: found by trying.
        for steps in count():
            if epoch(house) == 2:
                break
            try:
                house.destroy(next(iter(house.capsules)), DyingDisk(steps, last_is_done=True))
            except Killed:
                continue
        with opened(house.directory, house.epoch_key, disk):
            pass

    for house in stops(tmp_path, work, last_is_done=last_is_done):
        doomed = next(iter(house.capsules))
        assert house.opening() == set(house.capsules) - {doomed}


def epoch(house: House) -> int:
    """What the newest note says, without opening (which would settle)."""
    newest = max((house.directory / "record").iterdir(), key=lambda path: path.name)
    return 2 if b'"epoch":2' in newest.read_bytes() else 1
