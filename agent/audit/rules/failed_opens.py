"""Failed opens: recordings are tried again and again and do not open (STD 7.4 c). Pure.

Guarantees: counts within the window openings that ended in an error, that were begun and not ended within
`UNENDED_NS`, and that were refused (`access.record`); found once when the bound is reached, and again only
after it was kept. Judged when a leaf comes, so an opening without an end is counted at the first leaf after
its time. Memory: `MAX_BEGUN` openings; what is older than these counts as failed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from agent.audit.finding import Settings
from agent.formats.ledger_v1 import Leaf, LeafType
from agent.model.commands import CommandType, Status

UNENDED_NS = 3600 * 1_000_000_000
MAX_BEGUN = 64


@dataclass(slots=True)
class FailedOpens:
    """When openings failed, oldest first; which were begun, by their id."""

    NAME: ClassVar[str] = "failed-opens"
    SEVERITY: ClassVar[str] = "critical"
    REMEDY: ClassVar[str] = "ask who tried, and with which keys; then acknowledge"

    failed: list[int] = field(default_factory=list)
    begun: dict[str, int] = field(default_factory=dict)
    above: bool = False

    def take(self, leaf: Leaf, at_ns: int, settings: Settings) -> str | None:
        """The leaf at which the bound is reached."""
        failures = self._failures(leaf, at_ns)
        self.failed += [at_ns] * min(failures, settings.failed_opens)
        self.failed = [when for when in self.failed if at_ns - when < settings.window_ns]
        del self.failed[: -settings.failed_opens]
        before, self.above = self.above, len(self.failed) >= settings.failed_opens
        if before or not self.above:
            return None
        minutes = settings.window_ns // 60_000_000_000
        return f"{settings.failed_opens} openings failed within {minutes} minutes"

    def lasts(self, at_ns: int, settings: Settings) -> bool:
        """While the window holds so many."""
        recent = sum(at_ns - when < settings.window_ns for when in self.failed)
        return recent >= settings.failed_opens

    def _failures(self, leaf: Leaf, at_ns: int) -> int:
        late = [name for name, when in self.begun.items() if at_ns - when >= UNENDED_NS]
        for name in late:
            del self.begun[name]
        failures = len(late)
        body = leaf.body
        if leaf.type is LeafType.OPENED_BY:
            failures += self._opened(str(body.get("access")), body.get("result"), at_ns)
        elif body.get("type") != CommandType.ACCESS_RECORD.value:
            return failures
        elif leaf.type is LeafType.COMMAND_DENIED:
            count = body.get("count")
            failures += count if isinstance(count, int) else 1
        elif leaf.type is LeafType.COMMAND_RESULT and body.get("status") == Status.FAILED.value:
            failures += 1
        return failures

    def _opened(self, access: str, result: object, at_ns: int) -> int:
        if isinstance(result, dict):
            self.begun.pop(access, None)
            return 0 if result.get("error") is None else 1
        self.begun.setdefault(access, at_ns)
        if len(self.begun) <= MAX_BEGUN:
            return 0
        del self.begun[next(iter(self.begun))]
        return 1
