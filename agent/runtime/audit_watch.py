"""Abnormal access on this box: follows the ledger and raises the alarms of the rules (STD 7.4 c).

Guarantees: a leaf is judged at the next tick, so its alarm is in the ledger and the outbox at most a second
later; alarms live on over restarts, raised, acknowledged, closed, each a leaf; a stop between a leaf and its
alarm loses neither. State comes from the ledger alone; the file `audit.index` only saves reading it again,
and while it has to be read anew (first start, changed `[audit]`) the box records on and alarms come late.
The caller calls `tick` once a second.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from hashlib import sha256

from agent import __version__
from agent.audit.account import ENTITY, AuditAccount, CloseAlarm, RaiseAlarm
from agent.audit.finding import Settings
from agent.formats.config_v1 import AgentConfig
from agent.ledger.log import Ledger
from agent.ledger.signing import SigningKey
from agent.model.ports.clock import Clock
from agent.model.times import NS_PER_S
from agent.runtime.account_codec import from_plain, shape_of, to_plain
from agent.runtime.book import AUDIT, Book
from agent.runtime.past_index import Account, PastIndex
from agent.runtime.plan_gate import is_open
from agent.runtime.telemetry import Alarm
from agent.runtime.weekly_report import WeeklyReports

NAME = "audit.index"
# Raise it whenever the rules or the week make something else of the same leaves.
SHAPE = 1
LEAVES_AT_ONCE = 64
BUDGET_NS = NS_PER_S // 5
SAVE_EVERY_TICKS = 600
SAVE_UNSAVED = 1024
NS_PER_MINUTE = 60 * NS_PER_S


def settings_of(config: AgentConfig) -> Settings:
    """The rules' bounds by the configuration."""
    audit = config.audit
    names = audit.operators if audit.operators is not None else [one.name for one in config.operator]
    return Settings(
        operators=frozenset(names),
        door_uids=None if audit.door_uids is None else frozenset(audit.door_uids),
        on_duty=None if audit.duty is None else partial(is_open, audit.duty),
        window_ns=audit.window_minutes * NS_PER_MINUTE,
        bulk_recordings=audit.bulk_recordings,
        failed_opens=audit.failed_opens,
        silence_ns=max(audit.silence_minutes * NS_PER_MINUTE, round(3 * config.segments.seconds * NS_PER_S)),
        clock_step_ms=audit.clock_step_ms,
    )


def account_of(config: AgentConfig) -> Account[AuditAccount]:
    """How the account is kept. Its shape names the bounds too: other bounds, another account."""
    settings = settings_of(config)
    bounds = {
        "audit": config.audit.model_dump(mode="json"),
        "operators": sorted(settings.operators),
        "silence_ns": settings.silence_ns,
    }
    digest = sha256(json.dumps(bounds, sort_keys=True).encode()).hexdigest()[:16]
    return Account(
        shape=f"{__version__} {SHAPE} {shape_of(AuditAccount)} {digest}",
        new=AuditAccount,
        take=lambda account, leaf: account.take(leaf, settings),
        to_json=to_plain,
        from_json=lambda plain: from_plain(AuditAccount, plain),
    )


class AuditWatch:
    """One per keeper, made after recovery. What an earlier run raised stands in the book when it is made."""

    def __init__(
        self,
        config: AgentConfig,
        *,
        ledger: Ledger,
        book: Book,
        key: SigningKey,
        clock: Clock,
        log: Callable[[str], None],
    ) -> None:
        self._settings = settings_of(config)
        self._ledger = ledger
        self._book = book
        self._clock = clock
        self._log = log
        self._index = PastIndex.saved(config.box.state_dir / NAME, account_of(config), ledger)
        self._weekly = WeeklyReports(config, ledger=ledger, book=book, key=key, clock=clock)
        self._ticks = 0
        if self._follow():
            self._inherit()

    def tick(self) -> None:
        """Judges the new leaves, raises and closes alarms, makes the weekly report when it is time."""
        if self._follow():
            self._inherit()
            for action in tuple(self._index.account.due(self._clock.now(), self._settings)):
                self._do(action)
            if self._follow() and self._weekly.look(self._index.account):
                self._follow()
        self._ticks += 1
        if self._ticks % SAVE_EVERY_TICKS == 0 and self._index.unsaved >= SAVE_UNSAVED:
            self.save()

    def save(self) -> None:
        """Writes what the next start need not read again; a disk's error costs that start time only."""
        error = self._index.try_save(self._ledger)
        if error is not None:
            self._log(f"the index of abnormal access was not written: {error}")

    def _follow(self) -> bool:
        """Takes new leaves as far as the keeper's loop can spare. True when it has all of them."""
        until_ns = self._clock.mono_ns() + BUDGET_NS
        while self._index.size < self._ledger.size:
            if not self._index.advance(self._ledger, LEAVES_AT_ONCE) and self._clock.mono_ns() >= until_ns:
                return False
        return True

    def _inherit(self) -> None:
        for rule, raised in self._index.account.raised.items():
            self._book.inherit(_alarm(rule, raised.severity, raised.text, raised.remedy))

    def _do(self, action: CloseAlarm | RaiseAlarm) -> None:
        if isinstance(action, CloseAlarm):
            self._book.close_alarms(ENTITY, AUDIT + action.rule)
        else:
            self._book.raise_alarm(_alarm(action.rule, action.severity, action.text, action.remedy))


def _alarm(rule: str, severity: str, text: str, remedy: str) -> Alarm:
    return Alarm(entity=ENTITY, code=AUDIT + rule, severity=severity, text=text, remedy=remedy)
