"""The checks that the agent makes of its box by itself, every minute; what they find becomes alarms.

Guarantees: sampling runs in a thread beside, one round at a time, so a check that hangs costs its own
result and never the keeper's time; alarms are raised and closed on the keeper's main thread, when the
round has ended. What is skipped or broken raises nothing and closes nothing: it is not a result. Leaves
out what the agent tells at once anyway: signal, spec, disk errors, link.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from queue import Empty, SimpleQueue

from agent.health.check import AnyCheck
from agent.health.checks import CHECKS
from agent.health.engine import run, tasks
from agent.health.site import Site
from agent.health.words import LANGUAGES
from agent.model.finding import Finding, Profile, Status
from agent.runtime.book import Book
from agent.runtime.telemetry import Alarm

# Alarms' texts are English; a controller translates by code (docs/formats/mqtt-v1.md).
_WORDS = LANGUAGES["en"]
_SEVERITY = {Status.WARN: "warning", Status.FAIL: "critical"}
CONTINUOUS: tuple[AnyCheck, ...] = tuple(check for check in CHECKS if Profile.CONTINUOUS in check.profiles)


class HealthWatch:
    """Call `look` as often as you like; `site` makes the box's present view."""

    def __init__(
        self,
        book: Book,
        site: Callable[[], Site],
        channels: Iterable[str],
        checks: tuple[AnyCheck, ...] = CONTINUOUS,
    ) -> None:
        self._book = book
        self._site = site
        self._tasks = tasks(checks, channels)
        self._results: SimpleQueue[Finding] = SimpleQueue()
        self._round: threading.Thread | None = None
        self._raised: dict[tuple[str, str], str] = {}

    def look(self) -> None:
        """Takes in what was found, and begins the next round when the last one has ended."""
        self.take()
        if self._round is None or not self._round.is_alive():
            site = self._site()
            self._round = threading.Thread(target=lambda: self._sample(site), name="health", daemon=True)
            self._round.start()

    def take(self) -> None:
        """Raises and closes alarms by what was found since."""
        while True:
            try:
                finding = self._results.get_nowait()
            except Empty:
                return
            self._take(finding)

    def wait(self, seconds: float) -> None:
        """Until the present round has ended; for tests and for a stop."""
        if self._round is not None:
            self._round.join(seconds)

    def _sample(self, site: Site) -> None:
        for finding in run(self._tasks, site, lambda _task: None):
            self._results.put(finding)

    def _take(self, finding: Finding) -> None:
        entity, code = finding.target or "_", f"health.{finding.check.replace('.', '-')}"
        judged = finding.judged
        if judged.status is Status.PASS:
            if self._raised.pop((entity, code), None) is not None:
                self._book.close_alarms(entity, code)
            return
        severity = _SEVERITY.get(judged.status)
        if severity is None or self._raised.get((entity, code)) == judged.message:
            return
        said = _WORDS.sentence(finding)
        self._book.close_alarms(entity, code)
        self._book.raise_alarm(
            Alarm(
                entity=entity,
                code=code,
                severity=severity,
                text=said.text + (f" ({judged.measured})" if judged.measured else ""),
                remedy=" ".join(said.steps),
            )
        )
        self._raised[entity, code] = judged.message
