"""What `check.run` and `report.enter` do: the box checks itself; a technician's report becomes a leaf.

Guarantees: the checks run in a thread beside, one run at a time, and never take the keeper's time; a run
that ends is one leaf `check-report`, told as `_/check/{run}` and `_/check/last` (docs/formats/mqtt-v1.md); a
report that does not verify under this box's own key becomes no leaf; the
hash of one that does is told too. A stop of the keeper ends a run without a report: whoever misses one asks
again. The caller calls `tick` every second.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from queue import Empty, SimpleQueue

from agent.formats.check_report_v1 import Report
from agent.formats.config_v1 import AgentConfig
from agent.formats.ledger_v1 import LeafType
from agent.health.check import AnyCheck
from agent.health.checks import CHECKS
from agent.health.engine import is_complete, run, tasks, verdict
from agent.health.site import Site
from agent.ledger.signing import SigningKey, Verifier
from agent.model.commands import Command, CommandType, Handler
from agent.model.errors import Refuse
from agent.model.finding import Finding, Profile, Status
from agent.model.outgoing import Json, Outgoing, Priority
from agent.model.ports.clock import Clock
from agent.runtime.book import Book
from agent.runtime.check_reports import make_report, read_report, sha256_of, sign_report
from agent.runtime.command_arguments import wrong
from agent.runtime.telemetry import Alarm

FULL = "full"
MAX_NOTE_TOLD = 128 * 1024
_MAX_ENTERED = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """What was asked for, and by whom."""

    command: Command
    profile: str
    technician: str
    checks: tuple[AnyCheck, ...]


class CheckRuns:
    """See the module's text. `site` makes the box's present view; `key` is the box's ledger key."""

    def __init__(
        self,
        config: AgentConfig,
        *,
        site: Callable[[], Site],
        book: Book,
        key: SigningKey,
        clock: Clock,
        checks: tuple[AnyCheck, ...] = CHECKS,
    ) -> None:
        self._config = config
        self._site = site
        self._book = book
        self._key = key
        self._clock = clock
        self._checks = checks
        self._running: threading.Thread | None = None
        self._ended: SimpleQueue[tuple[_Run, list[Finding]]] = SimpleQueue()

    def handlers(self) -> dict[CommandType, Handler]:
        """What this part does on command."""
        return {CommandType.CHECK_RUN: self._start, CommandType.REPORT_ENTER: self._enter}

    def tick(self) -> None:
        """Tells of the run that has ended since."""
        try:
            asked, findings = self._ended.get_nowait()
        except Empty:
            return
        self._running = None
        try:
            self._tell(asked, findings)
        except Refuse as error:
            self._book.raise_alarm(
                Alarm(
                    entity="_",
                    code="check.no-report",
                    severity="warning",
                    text=f"checks that were asked for gave no report: {error.text}",
                    remedy="run edgeward check on the box; send what it says to support",
                )
            )
        else:
            self._book.close_alarms("_", "check.")

    def wait(self, seconds: float) -> None:
        """Until the present run has ended; for tests."""
        if self._running is not None:
            self._running.join(seconds)

    def _start(self, command: Command) -> Mapping[str, Json]:
        profile = command.args.get("profile", Profile.VISIT.value)
        if set(command.args) - {"profile"} or profile not in (FULL, *Profile):
            raise wrong("profile")
        if self._running is not None:
            raise Refuse("check.busy", "checks are running already", "wait for their report, then ask again")
        chosen = tuple(check for check in self._checks if profile == FULL or profile in check.profiles)
        technician = command.signers[0].replace(":", ".")  # a technician's id has no colon
        asked = _Run(command=command, profile=str(profile), technician=technician, checks=chosen)
        planned = tasks(chosen, [channel.id for channel in self._config.channel])
        site = self._site()

        def sample() -> None:
            self._ended.put((asked, list(run(planned, site, lambda _task: None))))

        self._running = threading.Thread(target=sample, name="check-run", daemon=True)
        self._running.start()
        return {"run": command.id, "checks": len(planned)}

    def _tell(self, asked: _Run, findings: list[Finding]) -> None:
        required = frozenset(check.id for check in asked.checks if check.required)
        report = make_report(
            self._config,
            findings,
            now=self._clock.now(),
            profile=asked.profile,
            technician=asked.technician,
            result=verdict(findings, required, strict=False),
            complete=is_complete(findings, required),
        )
        note = sign_report(report, self._key)
        facts = _facts(report, asked.command.id, sha256_of(note))
        leaf = self._leaf(facts, asked.command)
        shown = note.decode("utf-8") if len(note) <= MAX_NOTE_TOLD else None
        body = {**facts, "note": shown, "leaf": leaf}
        self._book.tell(
            Outgoing(entity="_", kind="check", type=asked.command.id, body=body, priority=Priority.EVENT)
        )
        self._tell_last(body)

    def _tell_last(self, body: dict[str, Json]) -> None:
        self._book.tell(
            Outgoing(
                entity="_",
                kind="check",
                type="last",
                body=body,
                priority=Priority.STATE,
                retain=True,
                coalesce=True,
            )
        )

    def _enter(self, command: Command) -> Mapping[str, Json]:
        text = command.args.get("report")
        if set(command.args) != {"report"} or not isinstance(text, str) or not 0 < len(text) <= _MAX_ENTERED:
            raise wrong("report")
        note = text.encode("utf-8")
        report = read_report(note, Verifier(self._key.verifier_key))
        facts = _facts(report, None, sha256_of(note))
        leaf = self._leaf(facts, command)
        # Its file may hold masked pictures, which stay in the hospital.
        self._tell_last({**facts, "note": None, "leaf": leaf})
        return {"leaf": leaf}

    def _leaf(self, facts: dict[str, Json], command: Command) -> int:
        return self._book.leaf(
            LeafType.CHECK_REPORT,
            facts,
            checkpoint=True,
            actor=command.signers[0],
            authority=f"command:{command.id}",
        )


def _facts(report: Report, run_id: str | None, sha256: str) -> dict[str, Json]:
    counts: dict[str, Json] = {
        status.value: sum(finding.judged.status is status for finding in report.findings) for status in Status
    }
    return {
        "run": run_id,
        "profile": report.profile,
        "technician": report.technician,
        "result": report.result,
        "complete": report.complete,
        "counts": counts,
        "sha256": sha256,
    }
