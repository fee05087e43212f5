"""Configuration: the box was started with another configuration or program than before (STD 7.4 c). Pure.

Guarantees: each change between two starts is a finding, once. The first start of a box has nothing to compare
with. Leaves out what was changed: the leaf holds a hash.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from agent.audit.finding import Settings
from agent.formats.ledger_v1 import Leaf, LeafType


@dataclass(slots=True)
class Configuration:
    """What the last configuration leaf said."""

    NAME: ClassVar[str] = "configuration"
    SEVERITY: ClassVar[str] = "warning"
    REMEDY: ClassVar[str] = "compare with what was ordered; then acknowledge"

    sha256: str | None = None
    agent: str | None = None

    def take(self, leaf: Leaf, at_ns: int, settings: Settings) -> str | None:
        """A configuration leaf that differs from the one before."""
        if leaf.type is not LeafType.CONFIGURATION:
            return None
        before = self.sha256, self.agent
        self.sha256, self.agent = str(leaf.body.get("sha256")), str(leaf.body.get("agent"))
        if before[0] is None or before == (self.sha256, self.agent):
            return None
        if before[0] == self.sha256:
            return f"the program was changed from {before[1]} to {self.agent}"[:160]
        return f"the configuration was changed: now {self.sha256[:16]}, before {before[0][:16]}"

    def lasts(self, at_ns: int, settings: Settings) -> bool:
        """A change is over when it is made."""
        return False
