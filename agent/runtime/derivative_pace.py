"""Which pictures of a derivative are left out when there is too little time. Pure.

Guarantees: decided by how late pictures are against their arrival, so that it holds whatever the time went
to; what is left out is spread evenly first. Leaves out counting (`derivative_tally.py`).
"""

from __future__ import annotations

# How late a picture is taken out of the hand-over, in nanoseconds, from which on less of them are shown.
_SECOND_NS, _FOURTH_NS, _NONE_NS = 300_000_000, 700_000_000, 1_500_000_000
# Below this much of a limit it is over: a machine at its limit shall not go back and forth.
_OVER = 2


class Pace:
    """`late` before each packet; then the answers hold for it."""

    def __init__(self) -> None:
        self._every = 1
        self._is_hopeless = False
        self._number = 0

    def late(self, late_ns: int) -> None:
        """The packet at hand was taken so long after its arrival."""
        self._is_hopeless = late_ns > (_FOURTH_NS if self._is_hopeless else _NONE_NS)
        if late_ns > _FOURTH_NS:
            self._every = 4
        elif late_ns > _SECOND_NS:
            self._every = 4 if self._every == 4 and late_ns > _FOURTH_NS // _OVER else 2
        elif late_ns <= _SECOND_NS // _OVER:
            self._every = 1

    @property
    def is_hopeless(self) -> bool:
        """Nothing more of this group is managed: on with the next key frame for which there is time."""
        return self._is_hopeless

    def keeps_next(self) -> bool:
        """Whether the next decoded picture is shown."""
        self._number += 1
        return self._number % self._every == 0
