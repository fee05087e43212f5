"""Log gap: the ledger says nothing where it should speak (STD 7.4 c). Pure.

Guarantees: finds a boot that no shutdown came before, a silence longer than the bound, by the monotonic
clock, while a channel wrote segments, and any silence of a running agent in which heartbeats are missing.
Leaves out what is missing in the middle: that is the Merkle tree's (`edgeward verify`). Ledgers of versions
without heartbeats are not asked for them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from agent.audit.finding import Settings
from agent.formats.ledger_v1 import Leaf, LeafType

_MINUTE_NS = 60_000_000_000
# Two heartbeats (runtime/book.py) are missing, and the keeper had a minute to be late.
_HEARTLESS_NS = 11 * _MINUTE_NS
# After these a channel may be silent for as long as its camera is: the leaf itself has told it.
_RESTS = frozenset({LeafType.RECORDING_CLOSED, LeafType.ALARM_RAISED, LeafType.GAP, LeafType.REFUSED})


@dataclass(slots=True)
class LogGap:
    """`writing` are the channels whose last word was a segment; `running` is a boot without its shutdown."""

    NAME: ClassVar[str] = "log-gap"
    SEVERITY: ClassVar[str] = "warning"
    REMEDY: ClassVar[str] = "find out what stopped the agent (power, crash, somebody); then acknowledge"

    running: bool = False
    beats: bool = False
    last_ns: int = 0
    writing: set[str] = field(default_factory=set)

    def take(self, leaf: Leaf, at_ns: int, settings: Settings) -> str | None:
        """The first leaf after a gap."""
        silence_ns, self.last_ns = at_ns - self.last_ns, at_ns
        if leaf.type is LeafType.BOOT:
            unclean, self.running = self.running, True
            self.writing.clear()
            return "the agent was started, and nothing says that it was stopped before" if unclean else None
        found = None
        if self.writing and silence_ns > settings.silence_ns:
            minutes, names = silence_ns // _MINUTE_NS, ", ".join(sorted(self.writing))
            found = f"the ledger was silent for {minutes} minutes while {names} recorded"
        elif self.beats and self.running and silence_ns > _HEARTLESS_NS:
            found = f"heartbeats are missing: the ledger was silent for {silence_ns // _MINUTE_NS} minutes"
        self._follow(leaf)
        return found

    def lasts(self, at_ns: int, settings: Settings) -> bool:
        """A gap is over when a leaf comes after it."""
        return False

    def _follow(self, leaf: Leaf) -> None:
        channel = leaf.body.get("entity" if leaf.type is LeafType.ALARM_RAISED else "channel")
        if leaf.type is LeafType.HEARTBEAT:
            self.beats = True
        elif leaf.type is LeafType.SHUTDOWN:
            self.running = False
            self.writing.clear()
        elif leaf.type is LeafType.SEGMENT:
            self.writing.add(str(channel))
        elif leaf.type in _RESTS:
            self.writing.discard(str(channel))
