"""A recording's own key pair, made on the box.

Guarantees: `identity` never shows in a repr; the caller puts it into the capsule and drops it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from Crypto.Protocol.DH import import_x25519_private_key

from agent.formats import bech32
from agent.seal.age_keys import draw
from agent.seal.suites import age_x25519


@dataclass(frozen=True, slots=True)
class KeyPair:
    """An age recipient (public) and its identity (secret)."""

    recipient: str
    identity: str = field(repr=False)


def new_key_pair(random: Callable[[int], bytes]) -> KeyPair:
    """A fresh X25519 pair from 32 bytes of `random`, spelled as `age-keygen` does."""
    seed = draw(random, 32)
    public = age_x25519.public_raw(import_x25519_private_key(seed))
    return KeyPair(
        recipient=bech32.encode(age_x25519.RECIPIENT_HRP, public),
        identity=bech32.encode(age_x25519.IDENTITY_HRP, seed),
    )
