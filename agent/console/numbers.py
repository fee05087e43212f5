"""Which of a box's message numbers came, which are missing, which came twice. Pure.

Guarantees: at most `_MOST_SPANS` spans are kept, the oldest is counted as lost for good when there are more;
what `replaces` and `data_loss` explain is not missing (docs/formats/mqtt-v1.md, Sequence numbers). The
first number heard of a box is where counting begins. Times are arguments.
"""

from __future__ import annotations

from collections.abc import Iterable

_MOST_SPANS = 64


class Numbers:
    """The account of one box."""

    __slots__ = ("_counting", "_holes", "forgotten", "top")

    def __init__(self, top: int = 0) -> None:
        self.top = top
        # False until something came that the broker had not kept: before that, what is not here may be old.
        self._counting = top > 0
        self.forgotten = 0
        # [first, last, when it was seen (monotonic ns)], ascending.
        self._holes: list[tuple[int, int, int]] = []

    def came(self, seq: int, mono_ns: int) -> bool:
        """True when `seq` is news; False when it was accounted for before."""
        if not self._counting:
            self._counting = True
            self.top = max(self.top, seq)
            return True
        if seq > self.top:
            if seq > self.top + 1:
                self._add(self.top + 1, seq - 1, mono_ns)
            self.top = seq
            return True
        return self._explain(seq, seq)

    def retained(self, seq: int, mono_ns: int) -> None:
        """A number that the broker kept: it may be old, and what is below it may never have been for us."""
        if self._counting:
            self.came(seq, mono_ns)
        else:
            self.top = max(self.top, seq)

    def explained(self, spans: Iterable[tuple[int, int]]) -> None:
        """Numbers that will never come, and need not."""
        for first, last in spans:
            self._explain(first, last)

    def restart(self, seq: int) -> None:
        """The box counts anew, from `seq`."""
        self.top = seq
        self._counting = True
        self._holes = []

    def missing(self, mono_ns: int, older_than_ns: int) -> int:
        """How many numbers are missing for at least so long."""
        return self.forgotten + sum(
            last - first + 1 for first, last, seen in self._holes if mono_ns - seen >= older_than_ns
        )

    def _add(self, first: int, last: int, mono_ns: int) -> None:
        self._holes.append((first, last, mono_ns))
        if len(self._holes) > _MOST_SPANS:
            gone = self._holes.pop(0)
            self.forgotten += gone[1] - gone[0] + 1

    def _explain(self, first: int, last: int) -> bool:
        """Takes [first, last] out of the holes; True when any of it was in one."""
        if not self._holes:
            return False
        found = False
        left: list[tuple[int, int, int]] = []
        for low, high, seen in self._holes:
            if last < low or high < first:
                left.append((low, high, seen))
                continue
            found = True
            if low < first:
                left.append((low, first - 1, seen))
            if last < high:
                left.append((last + 1, high, seen))
        self._holes = left
        return found
