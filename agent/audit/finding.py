"""Words that the rules of abnormal access share: what is configured, what was found, how time goes by. Pure.

Guarantees: `Timeline` never runs backwards, and a step of the wall clock does not move it within one boot of
the machine. Leaves out the rules (`rules/`) and alarms (`account.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Protocol

from agent.formats.ledger_v1 import Leaf


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What `[audit]` says, with what follows from the rest of the configuration. Times in nanoseconds.

    `door_uids` None: whoever the socket's mode lets in. `on_duty` tells of a wall time whether it is
    inside the duty hours; None where there are none.
    """

    operators: frozenset[str]
    door_uids: frozenset[int] | None
    on_duty: Callable[[int], bool] | None
    window_ns: int
    bulk_recordings: int
    failed_opens: int
    silence_ns: int
    clock_step_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a rule found at a leaf. `text` has codes, names of operators and numbers, never patient data."""

    rule: str
    leaf: int
    wall: str
    text: str


class Rule(Protocol):
    """One rule: a dataclass of bounded size that holds what it must remember of earlier leaves."""

    NAME: ClassVar[str]
    SEVERITY: ClassVar[str]
    REMEDY: ClassVar[str]

    def take(self, leaf: Leaf, at_ns: int, settings: Settings) -> str | None:
        """What is abnormal at this leaf, in words; None when nothing is. `at_ns` is of the timeline."""
        ...

    def lasts(self, at_ns: int, settings: Settings) -> bool:
        """True while the cause of what was found goes on. False for what happened and is over."""
        ...


@dataclass(slots=True)
class Timeline:
    """Nanoseconds that have gone by since the first leaf, as far as the leaves can tell."""

    at_ns: int = 0
    wall_ns: int | None = None
    mono_ns: int = 0

    def at(self, wall_ns: int, mono_ns: int) -> int:
        """Where this moment lies.

        The monotonic clock counts from the start of the machine, over restarts of the agent. When it is less
        than before, the machine was started anew: then the longer of wall time and the machine's time passed.
        """
        if self.wall_ns is None:
            return self.at_ns
        if mono_ns >= self.mono_ns:
            return self.at_ns + mono_ns - self.mono_ns
        return self.at_ns + max(mono_ns, wall_ns - self.wall_ns)

    def move(self, wall_ns: int, mono_ns: int) -> int:
        """As `at`, and goes there."""
        self.at_ns = self.at(wall_ns, mono_ns)
        self.wall_ns, self.mono_ns = wall_ns, mono_ns
        return self.at_ns
