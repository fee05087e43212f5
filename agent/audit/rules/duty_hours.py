"""Duty hours: something of weight is done when nobody should be at work (STD 7.4 c). Pure.

Guarantees: only acts of people count, only those of the list below, by the wall time of their leaf. Reading,
acknowledging and identifying are left out: an answer to an alarm at night is wanted. Without configured hours
this rule finds nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from agent.audit.finding import Settings
from agent.formats.ledger_v1 import Leaf, LeafType
from agent.model.commands import CommandType
from agent.model.times import from_rfc3339

WATCHED = frozenset({
    CommandType.ACCESS_RECORD, CommandType.CHANNEL_STOP, CommandType.CONFIG_PROPOSE,
    CommandType.DESTROY_APPROVE, CommandType.DESTROY_EXECUTE, CommandType.DESTROY_REQUEST,
    CommandType.HOLD_CLEAR, CommandType.PLAN_SET,
})  # fmt: skip


@dataclass(slots=True)
class DutyHours:
    """Remembers nothing."""

    NAME: ClassVar[str] = "duty-hours"
    SEVERITY: ClassVar[str] = "warning"
    REMEDY: ClassVar[str] = "ask whoever did it what for, then acknowledge"

    def take(self, leaf: Leaf, at_ns: int, settings: Settings) -> str | None:
        """A watched command outside the hours."""
        if settings.on_duty is None or leaf.type is not LeafType.COMMAND_ACCEPTED:
            return None
        if leaf.body.get("type") not in WATCHED or settings.on_duty(from_rfc3339(leaf.wall)):
            return None
        return f"{leaf.body.get('type')} was done by {leaf.actor[:80]} outside duty hours"

    def lasts(self, at_ns: int, settings: Settings) -> bool:
        """An act is over when it is done."""
        return False
