"""How long to wait before the next try to connect.

Guarantees: full jitter, so that a ward of boxes does not come back in one moment after a power cut.
Pure: the random number is an argument.
"""

from __future__ import annotations

FIRST_S = 1.0
LONGEST_S = 60.0
REFUSED_S = 300.0


def reconnect_delay_s(failures: int, random_01: float) -> float:
    """Seconds to wait after `failures` (>= 1) tries in a row: uniform between 1 s and min(60, 2^failures)."""
    top = min(LONGEST_S, 2.0 ** min(failures, 6))
    return FIRST_S + (top - FIRST_S) * random_01


def refused_delay_s(random_01: float) -> float:
    """Seconds to wait after refused credentials: a person has to act, so 5 to 6 minutes."""
    return REFUSED_S + LONGEST_S * random_01
