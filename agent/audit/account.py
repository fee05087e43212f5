"""What the rules of abnormal access found, and where their alarms stand, told by the ledger alone. Pure.

Guarantees: the same leaves give the same account, whether they come one by one, with stops in between, or
all at once; memory is bounded. A finding waits in `pending` until the leaf `alarm-raised` of its rule is
there, so a stop between the two loses nothing. One alarm per rule: what is found while it stands
unacknowledged belongs to it, what is found after its acknowledgement raises the next one. Leaves out raising
(`runtime/audit_watch.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from agent.audit.finding import Finding, Settings, Timeline
from agent.audit.rules import Rules, new_rules
from agent.audit.week import Week
from agent.formats.ledger_v1 import Leaf, LeafType
from agent.model.times import Instant, from_rfc3339

PREFIX = "audit."
ENTITY = "_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Raised:
    """An alarm of a rule that is not closed, as its leaf says."""

    leaf: int
    severity: str
    text: str
    remedy: str
    acknowledged: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RaiseAlarm:
    """To do: this rule found something that nobody was told."""

    rule: str
    severity: str
    text: str
    remedy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseAlarm:
    """To do: acknowledged, and its cause is over."""

    rule: str


@dataclass(slots=True, kw_only=True)
class AuditAccount:
    """One per box. `week` gathers for the self-analysis on the way."""

    rules: Rules = field(default_factory=new_rules)
    timeline: Timeline = field(default_factory=Timeline)
    pending: dict[str, Finding] = field(default_factory=dict)
    raised: dict[str, Raised] = field(default_factory=dict)
    week: Week = field(default_factory=Week)

    def take(self, leaf: Leaf, settings: Settings) -> tuple[Finding, ...]:
        """Takes in the next leaf of any type. Gives what the rules find at it."""
        at_ns = self.timeline.move(from_rfc3339(leaf.wall), leaf.mono_ns)
        self.week.take(leaf, at_ns)
        self._take_alarm(leaf)
        found = []
        for rule in self.rules:
            text = rule.take(leaf, at_ns, settings)
            if text is None:
                continue
            finding = Finding(rule=rule.NAME, leaf=leaf.n, wall=leaf.wall, text=text)
            found.append(finding)
            stands = self.raised.get(rule.NAME)
            if stands is None or stands.acknowledged:
                self.pending.setdefault(rule.NAME, finding)
        return tuple(found)

    def due(self, now: Instant, settings: Settings) -> Iterator[CloseAlarm | RaiseAlarm]:
        """What is to be done now; each becomes a leaf, which `take` is to be given before the next call."""
        at_ns = self.timeline.at(now.wall_ns, now.mono_ns)
        for rule in self.rules:
            stands, waits = self.raised.get(rule.NAME), self.pending.get(rule.NAME)
            if stands is not None and stands.acknowledged and (waits or not rule.lasts(at_ns, settings)):
                yield CloseAlarm(rule=rule.NAME)
                stands = None
            if waits is not None and stands is None:
                yield RaiseAlarm(
                    rule=rule.NAME,
                    severity=rule.SEVERITY,
                    text=f"{waits.text} (leaf {waits.leaf}, {waits.wall})",
                    remedy=rule.REMEDY,
                )

    def _take_alarm(self, leaf: Leaf) -> None:
        body, code = leaf.body, str(leaf.body.get("code"))
        if body.get("entity") != ENTITY or not code.startswith(PREFIX):
            return
        rule = code.removeprefix(PREFIX)
        if leaf.type is LeafType.ALARM_RAISED:
            self.pending.pop(rule, None)
            self.raised[rule] = Raised(
                leaf=leaf.n,
                severity=str(body.get("severity")),
                text=str(body.get("text")),
                remedy=str(body.get("remedy")),
            )
        elif leaf.type is LeafType.ALARM_CLOSED:
            self.raised.pop(rule, None)
        elif leaf.type is LeafType.ALARM_ACKNOWLEDGED and (stands := self.raised.get(rule)) is not None:
            self.raised[rule] = replace(stands, acknowledged=True)
