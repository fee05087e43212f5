"""How often somebody may try: a bucket per name, and the lock of an account after wrong passwords. Pure.

Guarantees: memory is bounded, the longest unused names go first; a locked account is not tried, so a right
password does not open it before its time. Times are monotonic nanoseconds and arguments.
"""

from __future__ import annotations

from collections import OrderedDict

from agent.model.times import NS_PER_S

MOST_FAILURES = 5
LOCK_NS = 15 * 60 * NS_PER_S
_FORGET_NS = 15 * 60 * NS_PER_S
_MOST_NAMES = 10_000


class Buckets:
    """`rate` a second on average, `burst` at once, for each name."""

    def __init__(self, rate: float, burst: float) -> None:
        self._rate = rate
        self._burst = burst
        self._left: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def take(self, name: str, mono_ns: int) -> float:
        """0.0 when one more is allowed, else the seconds to wait."""
        left, then = self._left.pop(name, (self._burst, mono_ns))
        left = min(self._burst, left + max(0, mono_ns - then) / NS_PER_S * self._rate)
        allowed = left >= 1
        self._left[name] = (left - 1 if allowed else left, mono_ns)
        if len(self._left) > _MOST_NAMES:
            self._left.popitem(last=False)
        return 0.0 if allowed else (1 - left) / self._rate


class Lockout:
    """Wrong passwords by account, whether it exists or not."""

    def __init__(self) -> None:
        # Failures, when the last was, locked until (0: not).
        self._known: OrderedDict[str, tuple[int, int, int]] = OrderedDict()

    def wait_s(self, account: str, mono_ns: int) -> float:
        """The seconds that this account stays locked; 0.0 when it is not."""
        _, _, until = self._known.get(account, (0, 0, 0))
        return max(0, until - mono_ns) / NS_PER_S

    def failed(self, account: str, mono_ns: int) -> bool:
        """Counts a wrong password; True when that locked the account."""
        failures, last, until = self._known.pop(account, (0, mono_ns, 0))
        if mono_ns - last > _FORGET_NS or (until and mono_ns >= until):
            failures = 0
        failures += 1
        locks = failures >= MOST_FAILURES
        self._known[account] = (failures, mono_ns, mono_ns + LOCK_NS if locks else 0)
        if len(self._known) > _MOST_NAMES:
            self._known.popitem(last=False)
        return locks

    def lift(self, account: str) -> None:
        """The right password, or an administrator."""
        self._known.pop(account, None)
