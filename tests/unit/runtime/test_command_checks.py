"""Checks on command: a thread beside, a leaf and two messages at the end; and reports that come in signed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from agent.formats.ledger_v1 import LeafType
from agent.health.check import EVERY, AnyCheck, Check
from agent.health.checks import CHECKS
from agent.health.site import Site
from agent.ledger.signing import SigningKey, Verifier
from agent.model.commands import Command, CommandType
from agent.model.errors import Refuse
from agent.model.finding import Judged, Owner, Profile, Status
from agent.model.outgoing import Json, Outgoing, Priority
from agent.runtime.book import Book
from agent.runtime.check_reports import read_report, sha256_of
from agent.runtime.command_checks import MAX_NOTE_TOLD, CheckRuns
from tests.fakes.message_schemas import SCHEMAS
from tests.fakes.sites import FakeBox, healthy
from tests.unit.runtime.vaults import Run, SmallBox

KEY = SigningKey.generate(bytes(range(32)), "edgeward.box/test-box")
ID = "019ab3a1-0400-7abc-8def-0123456789ab"


class Bench:
    """Runs over a small box that is booted, on a healthy site."""

    def __init__(self, small: SmallBox, run: Run, site: FakeBox) -> None:
        self.small, self.run, self.site = small, run, site
        self.book: Book = run.book
        self.told: list[Outgoing] = []
        self.book.tell = self.told.append  # type: ignore[method-assign,assignment] # there is no outbox here
        self.checks = self.of(CHECKS)

    def of(self, checks: tuple[AnyCheck, ...]) -> CheckRuns:
        return CheckRuns(
            self.site.config,
            site=self.site.site,
            book=self.book,
            key=KEY,
            clock=self.small.clock,
            checks=checks,
        )

    def do(self, checks: CheckRuns, kind: CommandType, **args: Json) -> dict[str, Json]:
        command = Command(id=ID, type=kind, args=args, signers=("uid:1000",))
        return dict(checks.handlers()[kind](command))

    def refused(self, kind: CommandType, **args: Json) -> str:
        with pytest.raises(Refuse) as caught:
            self.do(self.checks, kind, **args)
        return caught.value.code

    def leaves(self) -> list[dict[str, Json]]:
        found = self.run.booted.ledger.leaves()
        return [dict(leaf.body) for leaf in found if leaf.type is LeafType.CHECK_REPORT]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    small = SmallBox(tmp_path / "box")
    with small.running() as run:
        yield Bench(small, run, healthy(tmp_path / "site"))


def one_check(sample: threading.Event | None = None, *, values: str = "x", count: int = 1) -> AnyCheck:
    """A check that waits for `sample`, when given."""

    def wait(_site: Site, _target: str | None) -> bool:
        return sample is None or sample.wait(10)

    return Check(
        id="host.temp",
        owner=Owner.MAKER,
        profiles=EVERY,
        messages=("hot",),
        sample=wait,
        judge=lambda _: Judged(status=Status.WARN, message="hot", values={"celsius": values * count}),
    )


def test_a_run_ends_in_a_signed_report_a_leaf_and_two_messages(bench: Bench) -> None:
    answer = bench.do(bench.checks, CommandType.CHECK_RUN)
    assert answer["run"] == ID
    bench.checks.wait(30)
    assert bench.leaves() == [] and not bench.told, "nothing is told beside the keeper's back"
    bench.checks.tick()
    bench.checks.tick()
    [body] = bench.leaves()
    assert (body["run"], body["profile"], body["technician"]) == (ID, "visit", "uid.1000")
    counts = body["counts"]
    assert isinstance(counts, dict)
    assert set(counts) == {status.value for status in Status}
    assert sum(int(str(number)) for number in counts.values()) == answer["checks"]
    assert len(counts) < int(str(answer["checks"]))
    reports = [one for one in bench.told if one.kind == "check"]
    assert [(one.type, one.retain, one.priority) for one in reports] == [
        (ID, False, Priority.EVENT),
        ("last", True, Priority.STATE),
    ]
    first, last = (one.body for one in reports)
    assert first == last and first is not None
    note = str(first["note"]).encode()
    assert sha256_of(note) == body["sha256"] == first["sha256"]
    report = read_report(note, Verifier(KEY.verifier_key))
    assert (report.profile, report.technician, report.result) == ("visit", "uid.1000", body["result"])
    assert len(report.findings) == answer["checks"]


def test_profiles_choose_and_the_schema_knows_them_all(bench: Bench) -> None:
    numbers = {}
    for profile in ("full", *Profile):
        numbers[profile] = bench.do(bench.checks, CommandType.CHECK_RUN, profile=profile)["checks"]
        bench.checks.wait(30)
        bench.checks.tick()
    assert int(str(numbers["full"])) > int(str(numbers[Profile.CONTINUOUS])) > 0
    schema = (SCHEMAS / "check.schema.json").read_text()
    assert all(f'"{profile}"' in schema for profile in numbers)


def test_one_run_at_a_time_and_the_keeper_goes_on_meanwhile(bench: Bench) -> None:
    gate = threading.Event()
    runs = bench.of((one_check(gate),))
    bench.do(runs, CommandType.CHECK_RUN)
    runs.tick()
    assert bench.leaves() == []
    with pytest.raises(Refuse, match="running already") as caught:
        bench.do(runs, CommandType.CHECK_RUN)
    assert caught.value.code == "check.busy"
    gate.set()
    runs.wait(10)
    with pytest.raises(Refuse):
        bench.do(runs, CommandType.CHECK_RUN)
    runs.tick()
    assert len(bench.leaves()) == 1
    bench.do(runs, CommandType.CHECK_RUN)
    runs.wait(10)


def test_a_report_too_long_for_a_message_is_told_by_its_hash(bench: Bench) -> None:
    runs = bench.of((one_check(count=MAX_NOTE_TOLD),))
    bench.do(runs, CommandType.CHECK_RUN)
    runs.wait(10)
    runs.tick()
    body = bench.told[-1].body
    assert body is not None
    assert body["note"] is None
    assert body["sha256"] == bench.leaves()[0]["sha256"]


def test_a_report_that_can_not_be_made_is_an_alarm_until_the_next_one(bench: Bench) -> None:
    too_long = Judged(status=Status.PASS, message="hot", measured="m" * 401)
    broken = replace(one_check(), judge=lambda _: too_long)  # type: ignore[type-var] # the port is a dataclass
    runs = bench.of((broken,))
    bench.do(runs, CommandType.CHECK_RUN)
    runs.wait(10)
    runs.tick()
    assert [alarm.code for alarm in bench.book.alarms] == ["check.no-report"]
    runs._checks = (one_check(),)
    bench.do(runs, CommandType.CHECK_RUN)
    runs.wait(10)
    runs.tick()
    assert not bench.book.alarms


@pytest.mark.parametrize(
    ("kind", "args"),
    [
        (CommandType.CHECK_RUN, {"profile": "all"}),
        (CommandType.CHECK_RUN, {"profile": 1}),
        (CommandType.CHECK_RUN, {"profile": None}),
        (CommandType.CHECK_RUN, {"channel": "ch0"}),
        (CommandType.REPORT_ENTER, {}),
        (CommandType.REPORT_ENTER, {"report": ""}),
        (CommandType.REPORT_ENTER, {"report": 7}),
        (CommandType.REPORT_ENTER, {"report": "x", "more": 1}),
    ],
)
def test_wrong_arguments_do_nothing(bench: Bench, kind: CommandType, args: dict[str, Json]) -> None:
    assert bench.refused(kind, **args) == "command.bad-argument"
    bench.checks.wait(0)
    assert bench.leaves() == [] and not bench.told


def test_only_a_report_of_this_box_becomes_a_leaf(bench: Bench) -> None:
    bench.do(bench.checks, CommandType.CHECK_RUN)
    bench.checks.wait(30)
    bench.checks.tick()
    body = bench.told[-1].body
    assert body is not None
    note = str(body["note"])
    other = SigningKey.generate(bytes(32), "edgeward.box/test-box")
    forged = other.sign_note(note.partition("\n\n")[0] + "\n", 1 << 18).decode()
    for bad in (forged, note.replace("visit", "daily"), "edgeward.check-report/v1\n"):
        assert bench.refused(CommandType.REPORT_ENTER, report=bad).startswith(("note.", "report."))
    assert len(bench.leaves()) == 1
    leaf = bench.do(bench.checks, CommandType.REPORT_ENTER, report=note)["leaf"]
    first, second = bench.leaves()
    assert second == {**first, "run": None}
    assert leaf == bench.book.leaves - 1


def test_a_technician_s_report_is_told_by_its_hash_and_its_file_stays(bench: Bench) -> None:
    bench.do(bench.checks, CommandType.CHECK_RUN)
    bench.checks.wait(30)
    bench.checks.tick()
    body = bench.told[-1].body
    assert body is not None
    bench.told.clear()
    answer = bench.do(bench.checks, CommandType.REPORT_ENTER, report=body["note"])
    [last] = [one for one in bench.told if one.kind == "check"]
    assert (last.kind, last.type, last.retain) == ("check", "last", True)
    assert last.body is not None
    assert (last.body["run"], last.body["note"], last.body["leaf"]) == (None, None, answer["leaf"])
    assert last.body["sha256"] == body["sha256"]
