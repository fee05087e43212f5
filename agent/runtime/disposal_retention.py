"""The nightly run of retention: what became due is entered, how things stand is told (STD 10.1).

Guarantees: a recording gets its leaf `retention-due` once; a run that finds nothing new writes no leaf;
nothing is declared due by a clock that is not synchronised; nothing is ever destroyed here. The time of the
last run is kept in the state directory only: losing it costs one more run.
"""

from __future__ import annotations

import json

from agent.formats.ledger_v1 import LeafType
from agent.host.files import write_atomic
from agent.model.commands import Command
from agent.model.errors import AgentError
from agent.model.outgoing import Json, Outgoing, Priority
from agent.model.times import ClockQuality, from_rfc3339, rfc3339
from agent.runtime.disposal_context import DisposalContext
from agent.vault.disposal import Recording
from agent.vault.disposal_plan import Plan, Term, plan_run
from agent.vault.retention import is_nightly_due

MEMORY = "retention.json"
ITEMS_PER_LEAF = 64


class RetentionRun:
    """One per keeper."""

    def __init__(self, context: DisposalContext) -> None:
        self._context = context
        self._last_ns = self._remembered()

    def tick(self) -> None:
        """Runs when a night has passed."""
        if is_nightly_due(self._context.clock.now().wall_ns, self._last_ns):
            self.run(None)

    def run(self, command: Command | None) -> dict[str, Json]:
        """Looks at everything now. Returns what the state message says."""
        context = self._context
        now = context.clock.now()
        plan = plan_run(context.refresh(), now.wall_ns, context.policy)
        trusted = now.quality is ClockQuality.SYNCED
        if trusted:
            self._enter(plan, command)
        self._judge(plan, trusted=trusted)
        self._last_ns = now.wall_ns
        self._remember(now.wall_ns)
        state: dict[str, Json] = {
            "last_run": rfc3339(now.wall_ns),
            "oldest": plan.oldest,
            "due": plan.due,
            "newly_due": len(plan.newly_due) if trusted else 0,
            "overdue": len(plan.overdue),
            "held": plan.held,
            "unruled": plan.unruled,
            "undated": plan.undated,
        }
        context.book.tell(
            Outgoing(
                entity="_",
                kind="state",
                type="retention",
                body=state,
                priority=Priority.STATE,
                retain=True,
                coalesce=True,
            )
        )
        return state

    def _enter(self, plan: Plan, command: Command | None) -> None:
        newly = list(plan.newly_due)
        while newly:
            some, newly = newly[:ITEMS_PER_LEAF], newly[ITEMS_PER_LEAF:]
            body: dict[str, Json] = {"items": [_item(one, term) for one, term in some]}
            self._context.enter(LeafType.RETENTION_DUE, body, command)

    def _judge(self, plan: Plan, *, trusted: bool) -> None:
        book, alarm = self._context.book, self._context.alarm
        if plan.overdue:
            alarm(
                "retention.overdue",
                "warning",
                f"{len(plan.overdue)} recordings have been due for more than 30 days when this was raised",
                "ask for their destruction (edgeward destroy request), or set a hold that says why not",
            )
        else:
            book.close_alarms("_", "retention.overdue")
        if not trusted and plan.waiting:
            alarm(
                "retention.clock",
                "warning",
                "the clock is not synchronised: no recording can become due",
                "let the box synchronise its clock (NTP)",
            )
        else:
            book.close_alarms("_", "retention.clock")

    def _remembered(self) -> int | None:
        try:
            found = json.loads((self._context.state_dir / MEMORY).read_bytes())
            return from_rfc3339(found["last_run"])
        except (OSError, ValueError, KeyError, TypeError):
            return None  # never ran, or damaged: the next tick runs

    def _remember(self, wall_ns: int) -> None:
        path = self._context.state_dir / MEMORY
        try:
            write_atomic(path, json.dumps({"v": 1, "last_run": rfc3339(wall_ns)}).encode(), 0o640)
        except AgentError as error:
            self._context.alarm("retention.memory", "warning", error.text, error.advice)
        else:
            self._context.book.close_alarms("_", "retention.memory")


def _item(one: Recording, term: Term) -> Json:
    return {
        "recording": one.id,
        "level": one.level,
        "rule": None if one.retention is None else one.retention.rule.value,
        "due": None if term.due_ns is None else rfc3339(term.due_ns),
    }
