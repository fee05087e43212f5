"""A check that raises, hangs or has nothing to look at never stops the others and is never a pass."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.health.check import EVERY, AnyCheck, Check
from agent.health.engine import run, tasks, verdict
from agent.health.site import Site, Skip
from agent.model.errors import Refuse
from agent.model.finding import Finding, Judged, Owner, Status
from tests.fakes.sites import healthy


def check(name: str, sample: Callable[[Site, str | None], Status], *, per_channel: bool = False) -> AnyCheck:
    return Check(
        id=name,
        owner=Owner.MAKER,
        profiles=EVERY,
        messages=("good",),
        sample=sample,
        judge=lambda status: Judged(status=status, message="good"),
        per_channel=per_channel,
    )


def gives(status: Status) -> Callable[[Site, str | None], Status]:
    return lambda _site, _target: status


def raises(error: Exception) -> Callable[[Site, str | None], Status]:
    def sample(_site: Site, _target: str | None) -> Status:
        raise error

    return sample


def found(folder: Path, *checks: AnyCheck, limit_s: float = 10.0) -> list[Finding]:
    return list(run(tasks(checks, ["ch0", "ch1"]), healthy(folder).site(), lambda _task: None, limit_s))


@pytest.mark.parametrize(
    ("error", "status", "values"),
    [
        (ZeroDivisionError("secret text"), Status.CRASH, {"error": "ZeroDivisionError"}),
        (PermissionError(13, "/secret/path"), Status.SKIP, {"reason": "no-privilege", "detail": ""}),
        (Skip("no-program", "smartctl"), Status.SKIP, {"reason": "no-program", "detail": "smartctl"}),
        (Refuse("x.y", "t", "a"), Status.FAIL, {"text": "t", "code": "x.y", "advice": "a"}),
    ],
)
def test_a_check_that_raises_is_told_as_what_it_is_and_the_next_one_runs(
    tmp_path: Path, error: Exception, status: Status, values: dict[str, str]
) -> None:
    broken, good = found(tmp_path, check("a", raises(error)), check("b", gives(Status.PASS)))
    assert (broken.judged.status, dict(broken.judged.values)) == (status, values)
    assert good.judged.status is Status.PASS


def test_a_check_that_hangs_is_a_crash_and_the_next_one_runs(tmp_path: Path) -> None:
    never = threading.Event()

    def hang(_site: Site, _target: str | None) -> Status:
        never.wait()
        return Status.PASS

    try:
        stuck, good = found(tmp_path, check("a", hang), check("b", gives(Status.PASS)), limit_s=0.2)
    finally:
        never.set()
    assert (stuck.judged.status, stuck.judged.message) == (Status.CRASH, "timed-out")
    assert good.judged.status is Status.PASS


def test_a_check_of_channels_runs_for_each_of_them(tmp_path: Path) -> None:
    several = found(tmp_path, check("a", gives(Status.PASS), per_channel=True))
    assert [one.target for one in several] == ["ch0", "ch1"]


@pytest.mark.parametrize(
    ("status", "required", "strict", "code"),
    [
        (Status.PASS, True, False, 0),
        (Status.WARN, True, False, 0),
        (Status.WARN, True, True, 1),
        (Status.FAIL, False, False, 1),
        (Status.SKIP, False, False, 0),
        (Status.SKIP, True, False, 2),
        (Status.CRASH, False, False, 2),
    ],
)
def test_the_verdict(tmp_path: Path, status: Status, required: bool, strict: bool, code: int) -> None:
    findings = found(tmp_path, check("a", gives(status)))
    assert verdict(findings, frozenset({"a"} if required else ()), strict=strict) == code


def test_a_failure_weighs_more_than_what_is_incomplete(tmp_path: Path) -> None:
    findings = found(tmp_path, check("a", raises(ValueError())), check("b", gives(Status.FAIL)))
    assert verdict(findings, frozenset(), strict=False) == 1
