"""Bulk: more recordings are opened, or asked to be destroyed, than one's work needs (STD 7.4 c). Pure.

Guarantees: distinct recordings are counted within the window, whoever acts, so that two people or two names
of one person do not halve the count; found once when the bound is passed, and again only after it was kept.
An export is an opening: `edgeward open` is the only way out. Memory: one more entry per kind than the bound.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from agent.audit.finding import Settings
from agent.formats.ledger_v1 import Leaf, LeafType


@dataclass(slots=True)
class Bulk:
    """Recordings with their last time, oldest first."""

    NAME: ClassVar[str] = "bulk"
    SEVERITY: ClassVar[str] = "critical"
    REMEDY: ClassVar[str] = "find out what it is for, and take keys or rights away; then acknowledge"

    opened: dict[str, int] = field(default_factory=dict)
    destroyed: dict[str, int] = field(default_factory=dict)

    def take(self, leaf: Leaf, at_ns: int, settings: Settings) -> str | None:
        """The opening or request that passes the bound."""
        if leaf.type is LeafType.OPENED_BY:
            seen, names, what = self.opened, [leaf.body.get("recording")], "opened"
        elif leaf.type is LeafType.DESTROY_REQUESTED:
            listed = leaf.body.get("recordings")
            seen, what = self.destroyed, "asked to be destroyed"
            names = list(listed) if isinstance(listed, list) else []
        else:
            return None
        before = _within(seen, at_ns, settings)
        for name in map(str, names):
            seen.pop(name, None)
            seen[name] = at_ns
        bound = settings.bulk_recordings
        for oldest in list(seen)[: max(0, len(seen) - bound - 1)]:
            del seen[oldest]
        if before > bound or _within(seen, at_ns, settings) <= bound:
            return None
        minutes = settings.window_ns // 60_000_000_000
        return f"more than {bound} recordings were {what} within {minutes} minutes, last by {leaf.actor[:80]}"

    def lasts(self, at_ns: int, settings: Settings) -> bool:
        """While the window holds more than the bound."""
        return any(
            _within(s, at_ns, settings) > settings.bulk_recordings for s in (self.opened, self.destroyed)
        )


def _within(seen: dict[str, int], at_ns: int, settings: Settings) -> int:
    return sum(at_ns - when < settings.window_ns for when in seen.values())
