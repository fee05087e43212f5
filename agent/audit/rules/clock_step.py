"""Clock step: the wall clock was set by more than the bound, 2 s (STD 7.4 c). Pure.

Guarantees: judges the size in the leaf, forwards and backwards. Leaves out smaller steps, which the leaf
alone tells, and a clock that was set while the agent did not run: nobody has measured that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from agent.audit.finding import Settings
from agent.formats.ledger_v1 import Leaf, LeafType


@dataclass(slots=True)
class ClockStep:
    """Remembers nothing."""

    NAME: ClassVar[str] = "clock-step"
    SEVERITY: ClassVar[str] = "warning"
    REMEDY: ClassVar[str] = "find out who or what set the clock, and check the time server; then acknowledge"

    def take(self, leaf: Leaf, at_ns: int, settings: Settings) -> str | None:
        """A step above the bound, or of unknown size."""
        if leaf.type is not LeafType.CLOCK_STEP:
            return None
        step_ms = leaf.body.get("step_ms")
        if not isinstance(step_ms, int):
            return "the wall clock was set by an unknown time"
        if abs(step_ms) <= settings.clock_step_ms:
            return None
        return f"the wall clock was set by {step_ms} ms"

    def lasts(self, at_ns: int, settings: Settings) -> bool:
        """A step is over when it is made."""
        return False
