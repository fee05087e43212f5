"""Denied: somebody asked for what they may not do, or in a way that is refused (STD 7.4 c). Pure.

Guarantees: every leaf of a refused command is a finding, floods that were only counted too. Leaves out what
the box's own plan refuses its cameras (`refused` leaves): nobody asked there, and it has its own alarm.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from agent.audit.finding import Settings
from agent.formats.ledger_v1 import Leaf, LeafType


@dataclass(slots=True)
class Denied:
    """Remembers nothing."""

    NAME: ClassVar[str] = "denied"
    SEVERITY: ClassVar[str] = "warning"
    REMEDY: ClassVar[str] = "see edgeward ledger show --type command-denied; then acknowledge"

    def take(self, leaf: Leaf, at_ns: int, settings: Settings) -> str | None:
        """One refused command, or the sum of several."""
        if leaf.type is not LeafType.COMMAND_DENIED:
            return None
        count, kind = leaf.body.get("count"), leaf.body.get("type") or "a command"
        times = f" ({count} times)" if isinstance(count, int) and count > 1 else ""
        return f"{kind} was refused to {leaf.actor[:80]}: {leaf.body.get('reason')}{times}"

    def lasts(self, at_ns: int, settings: Settings) -> bool:
        """A refusal is over when it is said."""
        return False
