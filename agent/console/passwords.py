"""Passwords: argon2id hashes, and which passwords are taken.

Guarantees: a wrong account costs as much as a wrong password. Leaves out how often one may try
(`throttle.py`). The caller runs `matches` away from the event loop: it takes tens of milliseconds and 64
MiB by design (RFC 9106, second recommended parameters).
"""

from __future__ import annotations

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.profiles import RFC_9106_LOW_MEMORY

from agent.model.errors import Refuse

SHORTEST, LONGEST = 12, 128
_HASHER = PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY)


class Passwords:
    """Hashes and compares."""

    def __init__(self) -> None:
        self._nobody = _HASHER.hash("nobody has this password")

    def hash(self, password: str) -> str:
        """What is stored."""
        return _HASHER.hash(password)

    def matches(self, stored: str | None, password: str) -> bool:
        """True for the right password of an account that exists

        `stored` None takes as long, and is False.
        """
        try:
            right = _HASHER.verify(stored or self._nobody, password)
        except (VerificationError, InvalidHashError):
            return False
        return right and stored is not None


def check_new(password: str, account: str) -> None:
    """Refuse `password.weak` for what anybody would try first."""
    lowered = password.lower()
    if not SHORTEST <= len(password) <= LONGEST:
        why = f"it has {len(password)} characters, allowed are {SHORTEST} to {LONGEST}"
    elif len(set(lowered)) < 5:
        why = "it has hardly any different characters"
    elif account in lowered or "edgeward" in lowered:
        why = "it has the account's or the product's name in it"
    else:
        return
    raise Refuse("password.weak", f"this password can't be taken: {why}", "take a sentence of several words")
