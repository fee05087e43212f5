"""Medium: a removable medium was plugged into the box (STD 7.4 c). Pure.

Guarantees: goes by the alarm of the check sec.media, and lasts as long as that alarm does; a restart of the
agent ends it, and the check raises it anew when the medium is still there. Leaves out looking for media.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from agent.audit.finding import Settings
from agent.formats.ledger_v1 import Leaf, LeafType

ALARM = "health.sec-media"


@dataclass(slots=True)
class Medium:
    """Whether the check's alarm is raised."""

    NAME: ClassVar[str] = "medium"
    SEVERITY: ClassVar[str] = "critical"
    REMEDY: ClassVar[str] = "take it out, find out whose it is and what it is for; then acknowledge"

    plugged: bool = False

    def take(self, leaf: Leaf, at_ns: int, settings: Settings) -> str | None:
        """The check's alarm."""
        if leaf.body.get("code") != ALARM:
            return None
        if leaf.type is LeafType.ALARM_CLOSED:
            self.plugged = False
        elif leaf.type is LeafType.ALARM_RAISED and not self.plugged:
            self.plugged = True
            return "a removable medium was plugged in"
        return None

    def lasts(self, at_ns: int, settings: Settings) -> bool:
        """While it is there."""
        return self.plugged
