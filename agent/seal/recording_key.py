"""A recording's own key pair, made on the box; custodians' pairs are made the same way.

Guarantees: `identity` never shows in a repr; the caller puts it into the capsule and drops it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from agent.seal import suites
from agent.seal.suites import age_x25519


@dataclass(frozen=True, slots=True)
class KeyPair:
    """An age recipient (public) and its identity (secret)."""

    recipient: str
    identity: str = field(repr=False)


def new_key_pair(random: Callable[[int], bytes], suite: str = age_x25519.NAME) -> KeyPair:
    """A fresh pair of `suite` from 32 bytes of `random`; refuses `seal.unknown-suite`."""
    made = suites.by_name(suite)
    identity = made.new_identity(random)
    return KeyPair(recipient=made.recipient_of(identity), identity=identity)


def recipient_of(identity: str) -> str:
    """The public half; refuses `seal.bad-identity`."""
    return suites.by_identity(identity).recipient_of(identity)
