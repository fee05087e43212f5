"""Runs checks, each in a thread of its own with a time limit, and hands out findings as they come.

Guarantees: a check that raises or hangs is a `crash` of that check and never stops the others; one that may
not look at something is skipped; findings come in the order of the list. A thread that hangs is left behind:
Python can't end it, and it holds nothing but itself.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue

from agent.health.check import AnyCheck
from agent.health.site import Site, Skip
from agent.model.errors import AgentError
from agent.model.finding import Finding, Judged, Status
from agent.model.times import NS_PER_S

TIME_LIMIT_S = 10.0
# Messages that any check may get from here; every language has words for them.
ENGINE_MESSAGES = ("skipped", "timed-out", "raised", "refused")


@dataclass(frozen=True, slots=True)
class Task:
    """One check on one target."""

    check: AnyCheck
    target: str | None


def tasks(checks: Iterable[AnyCheck], channels: Iterable[str]) -> tuple[Task, ...]:
    """Box-wide checks once, the others for each channel."""
    names = tuple(channels)
    return tuple(
        Task(check, target) for check in checks for target in (names if check.per_channel else (None,))
    )


def run(
    planned: Iterable[Task],
    site: Site,
    on_start: Callable[[Task], None],
    time_limit_s: float = TIME_LIMIT_S,
) -> Iterator[Finding]:
    """One finding for each task."""
    for task in planned:
        on_start(task)
        began_ns = site.clock.mono_ns()
        judged = _within(task, site, time_limit_s)
        yield Finding(
            check=task.check.id,
            target=task.target,
            owner=task.check.owner,
            judged=judged,
            seconds=(site.clock.mono_ns() - began_ns) / NS_PER_S,
        )


def _within(task: Task, site: Site, time_limit_s: float) -> Judged:
    answers: SimpleQueue[Judged] = SimpleQueue()
    thread = threading.Thread(
        target=lambda: answers.put(_guarded(task, site)), name=f"check-{task.check.id}", daemon=True
    )
    thread.start()
    try:
        return answers.get(timeout=time_limit_s)
    except Empty:
        return Judged(status=Status.CRASH, message="timed-out", values={"limit": f"{time_limit_s:g} s"})


def _guarded(task: Task, site: Site) -> Judged:
    try:
        return task.check.make(site, task.target)
    except Skip as skip:
        return Judged(
            status=Status.SKIP, message="skipped", values={"reason": skip.reason, "detail": skip.detail}
        )
    except PermissionError:
        return Judged(status=Status.SKIP, message="skipped", values={"reason": "no-privilege", "detail": ""})
    except AgentError as error:
        return Judged(
            status=Status.FAIL,
            message="refused",
            values={"text": error.text, "code": error.code, "advice": error.advice},
        )
    except Exception as error:  # noqa: BLE001 (the port says that a check may raise whatever it likes)
        # One check that is broken must not hide what the others find; its text may hold anything, so only
        # the kind of the error is told.
        return Judged(status=Status.CRASH, message="raised", values={"error": type(error).__name__})


def is_complete(findings: Iterable[Finding], required: frozenset[str]) -> bool:
    """False when a required check has no result, or any check broke."""
    return not any(
        finding.judged.status is Status.CRASH
        or (finding.judged.status is Status.SKIP and finding.check in required)
        for finding in findings
    )


def verdict(findings: Sequence[Finding], required: frozenset[str], *, strict: bool) -> int:
    """0 nothing failed, 1 something did (with `strict` a warning too), 2 the run is not complete."""
    failing = {Status.FAIL, Status.WARN} if strict else {Status.FAIL}
    if any(finding.judged.status in failing for finding in findings):
        return 1
    return 0 if is_complete(findings, required) else 2
