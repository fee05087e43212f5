"""Which refusals get a leaf of their own: a burst, then one in `REFILL_S`; the others are counted. Pure.

Guarantees: any number of messages makes a bounded number of leaves, no message goes uncounted, and what was
only counted is told within `UNHEARD_S` while no alarm of a denied operation stands (STD 7.4 c). The caller
asks `admit` for each refusal and takes the counts with `due`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from agent.model.times import NS_PER_S

BURST = 20
BURST_SIGNED = 100
REFILL_S = 10
SUMMARY_S = 60
UNHEARD_S = 1


@dataclass(slots=True)
class Bucket:
    """Tokens of one kind of refusals, at most `burst`."""

    burst: int
    tokens: float
    at_ns: int | None = None

    def admit(self, mono_ns: int) -> bool:
        """True when this one may have its own leaf."""
        if self.at_ns is not None:
            self.tokens = min(self.burst, self.tokens + (mono_ns - self.at_ns) / NS_PER_S / REFILL_S)
        self.at_ns = mono_ns
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


@dataclass(slots=True)
class Denials:
    """Signed ones are counted apart, so that garbage can't make a person's refusal silent."""

    garbage: Bucket = field(default_factory=lambda: Bucket(BURST, BURST))
    signed: Bucket = field(default_factory=lambda: Bucket(BURST_SIGNED, BURST_SIGNED))
    counts: dict[str, int] = field(default_factory=dict)
    since_ns: int = 0

    def admit(self, code: str, mono_ns: int, *, signed: bool) -> bool:
        """True when this refusal gets its own leaf; else it is counted."""
        bucket = self.signed if signed else self.garbage
        if bucket.admit(mono_ns):
            return True
        self.count(code, 1, mono_ns)
        return False

    def count(self, code: str, number: int, mono_ns: int) -> None:
        """Counts what gets no leaf of its own."""
        if not self.counts:
            self.since_ns = mono_ns
        self.counts[code] = self.counts.get(code, 0) + number

    def due(self, mono_ns: int, *, alarmed: bool, now: bool = False) -> dict[str, int]:
        """The counts, once they are old enough or with `now`; they begin at nothing again.

        `alarmed`: an alarm says already that operations are denied.
        """
        wait_ns = (SUMMARY_S if alarmed else UNHEARD_S) * NS_PER_S
        if not self.counts or not (now or mono_ns - self.since_ns >= wait_ns):
            return {}
        counts, self.counts = self.counts, {}
        return counts
