"""A destruction that is stopped at any call, and one whose disk fails: what comes out is the same.

Each stop is a real SIGKILL of a forked process at the n-th change that it makes to ledger, files or vault,
before the change and after it, for every n; then a new life of the keeper goes on by itself.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.formats import certificate_v1 as v1
from agent.formats.ledger_v1 import LeafType
from agent.host.files import write_atomic
from agent.host.medium import Trimmed
from agent.ledger.log import Ledger
from agent.ledger.signing import Verifier
from agent.model.errors import Halt, Retry
from agent.runtime import disposal_execution
from agent.runtime.disposal_check import check_certificate
from agent.runtime.verify import verify_vault
from agent.vault import removal
from tests.unit.runtime.disposals import DAY_S, EVICTING, DisposalBox, Life


class Counter:
    """Kills this process at the `at`-th change: before it, or right after it."""

    def __init__(self, at: int, *, after: bool) -> None:
        self.at = at
        self.after = after
        self.calls = 0

    def around(self, function: Callable[..., object]) -> Callable[..., object]:
        def counted(*arguments: object, **named: object) -> object:
            self.calls += 1
            here = self.calls == self.at
            if here and not self.after:
                os.kill(os.getpid(), signal.SIGKILL)
            result = function(*arguments, **named)
            if here:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        return counted


CHANGES = (
    (Ledger, "append"),
    (Ledger, "checkpoint"),
    (removal.SystemRemovalDisk, "unlink"),
    (removal.SystemRemovalDisk, "remove_directory"),
    (removal.SystemRemovalDisk, "sync_directory"),
    (disposal_execution, "write_atomic"),
    (disposal_execution, "make_directories"),
)


def stopped_at(number: int, *, after: bool, do: Callable[[], None]) -> bool:
    """Does it in a child that is killed at its `number`-th change. False when it ended before."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            counter = Counter(number, after=after)
            for owner, name in CHANGES:
                setattr(owner, name, counter.around(getattr(owner, name)))
            do()
            code = 0
        finally:
            os._exit(code)
    status = os.waitpid(child, 0)[1]
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return True
    assert os.waitstatus_to_exitcode(status) == 0
    return False


def approved(root: Path) -> tuple[DisposalBox, str, str, str, str]:
    """A box with a recording whose destruction is approved, and another one."""
    box = DisposalBox(root)
    with box.running() as life:
        box.bring(2)
        gone, other = box.record(life, segments=2), box.record(life)
        box.clock.advance(91 * DAY_S)
        request = box.ask(life, gone)
        box.approve(life, request, "bob", "carl")
        note = box.record_of(box.ticket_of(life, gone))
    return box, gone, other, request, note


def settle(life: Life) -> None:
    for _ in range(20):
        life.disposal.tick()


@pytest.mark.parametrize("after", [False, True])
def test_killed_at_every_call_it_ends_the_same(tmp_path: Path, *, after: bool) -> None:
    number, kills, intents = 0, 0, 0
    while True:
        number += 1
        box, gone, other, request, note = approved(tmp_path / str(number))

        def execute(box: DisposalBox = box, request: str = request, note: str = note) -> None:
            with box.running() as life:
                life.disposal.destroy_execute(box.execution(request, note))

        if not stopped_at(number, after=after, do=execute):
            break
        kills += 1
        before = verify_vault(box.vault, box.vkey)
        assert before.result in ("ok", "incomplete"), before.problems
        with box.running() as life:
            begun = life.context.account.requests[request].intent is not None
            intents += begun
            settle(life)
            if not begun:  # nothing was promised yet: it has to be asked again
                assert box.directory(gone).is_dir()
                assert life.disposal.destroy_execute(box.execution(request, note))["state"] == "certified"
        assert_same_end(box, gone, other, request)
    assert kills >= 20
    assert 0 < intents < kills, "stops on both sides of the intent"


def assert_same_end(box: DisposalBox, gone: str, other: str, request: str) -> None:
    assert not box.directory(gone).exists()
    assert box.directory(other).is_dir()
    assert sorted(path.name for path in (box.state / "certificates").iterdir()) == [f"{request}.note"]
    check = check_certificate(box.certificate(request), Verifier(box.vkey), box.authority.verifier, box.vault)
    assert (check.ok, check.problems, check.unchecked) == (True, (), ())
    assert check.certificate.sanitization.method is v1.Method.PURGE
    assert [one.segments for one in check.certificate.recordings] == [2]
    executed = [leaf.body["phase"] for leaf in box.leaves(LeafType.DESTROY_EXECUTED)]
    assert executed == ["intent", "result"]
    assert len(box.leaves(LeafType.DESTROY_CERTIFIED)) == 1
    assert box.leaves(LeafType.QUARANTINE) == []
    report = verify_vault(box.vault, box.vkey)
    assert (report.result, report.problems) == ("ok", ())


class FailingDisk(removal.SystemRemovalDisk):
    """Fails at the `at`-th call, once."""

    def __init__(self, at: int) -> None:
        self.at = at
        self.calls = 0

    def _count(self) -> None:
        self.calls += 1
        if self.calls == self.at:
            raise Halt("disk.error", "removing failed: Input/output error", "check the disk")

    def unlink(self, path: Path) -> None:
        self._count()
        super().unlink(path)

    def remove_directory(self, path: Path) -> None:
        self._count()
        super().remove_directory(path)

    def sync_directory(self, path: Path) -> None:
        self._count()
        super().sync_directory(path)


def test_no_certificate_while_a_step_fails_and_one_when_it_works_again(tmp_path: Path) -> None:
    failures, number = 0, 0
    while True:
        number += 1
        box, gone, other, request, note = approved(tmp_path / str(number))
        with box.running() as life:
            disk = FailingDisk(number)
            life.context.disk = disk
            answer = life.disposal.destroy_execute(box.execution(request, note))
            if disk.calls < number:
                break
            failures += 1
            assert answer["state"] == "executing"
            assert life.alarms() == {"destroy.failed"}
            assert not (box.state / "certificates").exists()
            assert box.leaves(LeafType.DESTROY_CERTIFIED) == []
            life.disposal.tick()
            assert answer["state"] == "executing", "not before a minute has passed"
            box.clock.advance(61)
            settle(life)
            assert life.alarms() == set()
        assert_same_end(box, gone, other, request)
    assert failures >= 6


def test_one_that_fails_holds_up_no_other(tmp_path: Path) -> None:
    box, gone, other, request, note = approved(tmp_path)
    with box.running() as life:
        second = box.ask(life, other)
        box.approve(life, second, "bob", "carl")
        life.context.disk = FailingDisk(1)
        assert life.disposal.destroy_execute(box.execution(request, note))["state"] == "executing"
        note = box.record_of(box.ticket_of(life, other))
        life.disposal.destroy_execute(box.execution(second, note))
        settle(life)
        assert not box.directory(other).exists()
        box.clock.advance(61)
        settle(life)
        assert life.alarms() == set()
    assert not box.directory(gone).exists()
    assert len(box.leaves(LeafType.DESTROY_CERTIFIED)) == 2


def test_no_certificate_when_the_files_come_back(tmp_path: Path) -> None:
    box, gone, _, request, note = approved(tmp_path)
    with box.running() as life:
        restored: list[str] = []

        class Restoring:
            def start(self, path: Path) -> None:
                assert path == box.vault

            def result(self, waited_s: float) -> Trimmed:
                assert waited_s >= 0
                if not restored:
                    restored.append(gone)
                    box.directory(gone).mkdir()
                    (box.directory(gone) / "capsule.age").write_bytes(b"from a backup")
                return Trimmed(done=False, text="not asked")

        life.context.trim = Restoring()
        assert life.disposal.destroy_execute(box.execution(request, note))["state"] == "executing"
        assert life.alarms() == {"destroy.failed"}
        assert box.leaves(LeafType.DESTROY_CERTIFIED) == []
        box.clock.advance(61)
        settle(life)
        assert life.alarms() == set()
    assert not box.directory(gone).exists()
    assert len(box.leaves(LeafType.DESTROY_CERTIFIED)) == 1


def test_records_that_were_lost_can_be_given_again(tmp_path: Path) -> None:
    box, gone, other, request, note = approved(tmp_path)
    with box.running() as life:
        life.context.disk = FailingDisk(1)
        life.disposal.destroy_execute(box.execution(request, note))
    (box.state / "destructions" / f"{request}.json").unlink()
    with box.running() as life:
        settle(life)
        assert life.alarms() == {"destroy.failed"}
        assert not (box.state / "certificates").exists()
        box.clock.advance(30)
        assert life.disposal.destroy_execute(box.execution(request, note))["state"] == "certified"
    assert_same_end(box, gone, other, request)


def test_a_ledger_that_fails_stops_the_keeper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    box, gone, _, request, note = approved(tmp_path)
    with box.running() as life:

        def full(*_: object, **__: object) -> int:
            raise Halt("ledger.failed", "the ledger can't be written", "solve the disk's problem")

        monkeypatch.setattr(Ledger, "append", full)
        with pytest.raises(Halt, match=r"\[ledger\.failed\]"):
            life.disposal.destroy_execute(box.execution(request, note))
    assert box.directory(gone).is_dir(), "no leaf, no removal"


def test_a_full_disk_keeps_the_certificate_waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    box, gone, other, request, note = approved(tmp_path)
    with box.running() as life:
        real = write_atomic

        def full(path: Path, data: bytes, mode: int = 0o600) -> None:
            if path.suffix == ".note":
                raise Retry("disk.full", "writing failed: No space left", "free space", after_s=30)
            real(path, data, mode)

        monkeypatch.setattr(disposal_execution, "write_atomic", full)
        assert life.disposal.destroy_execute(box.execution(request, note))["state"] == "executing"
        assert life.alarms() == {"destroy.failed"}
        report = verify_vault(box.vault, box.vkey)
        assert report.result == "incomplete"
        assert "without a certificate" in report.problems[0]
        monkeypatch.undo()
        box.clock.advance(61)
        settle(life)
    assert_same_end(box, gone, other, request)


@pytest.mark.parametrize("after", [False, True])
def test_an_eviction_that_is_killed_at_every_call_ends_the_same(tmp_path: Path, *, after: bool) -> None:
    number = kills = 0
    while True:
        number += 1
        box = DisposalBox(tmp_path / str(number), (EVICTING,))
        with box.running() as life:
            old, young = box.record(life), box.record(life)

        def evict(box: DisposalBox = box) -> None:
            with box.running() as life:
                life.disposal.make_room(1)

        if not stopped_at(number, after=after, do=evict):
            break
        kills += 1
        assert verify_vault(box.vault, box.vkey).result in ("ok", "incomplete")
        with box.running() as life:
            settle(life)
            if not box.leaves(LeafType.EVICTED):
                life.disposal.make_room(1)
        assert not box.directory(old).exists()
        assert box.directory(young).is_dir()
        assert len(box.leaves(LeafType.EVICTED)) == 1
        report = verify_vault(box.vault, box.vkey)
        assert (report.result, report.problems) == ("ok", ())
    assert kills >= 8
