"""HPKE base mode (RFC 9180) over X-Wing (KEM 0x647a), HKDF-SHA256 and ChaCha20-Poly1305, from pycryptodome.

Guarantees: raw bytes in and out, randomness from the caller, `ValueError` without key material for what
is no key or no share. `_RawPublicKey` and `public_of` hold everything that pycryptodome 4.4 doesn't
publish; tests/conformance/test_age_post_quantum.py fails when its version changes.
"""

from __future__ import annotations

from collections.abc import Callable

from Crypto.Protocol import HPKE
from Crypto.PublicKey import Hybrid
from Crypto.PublicKey.Hybrid import HybridKey

from agent.seal.age_keys import draw

SEED_LEN = 32
PUBLIC_LEN = 1216
SHARE_LEN = 1120

_KEM = Hybrid.MLKEM768_X25519
_AEAD = HPKE.AEAD.CHACHA20_POLY1305


def check_public(raw: bytes) -> None:
    """`ValueError` when `raw` is of a wrong length, out of ML-KEM's range, or a low-order point."""
    _RawPublicKey(raw, _no_randomness)


def public_of(seed: bytes) -> bytes:
    """The raw public key of a private `seed`."""
    return _private(seed)._pk


def seal(public: bytes, plain: bytes, info: bytes, random: Callable[[int], bytes]) -> tuple[bytes, bytes]:
    """SealBase with empty aad: the encapsulated key, and ciphertext with tag."""
    context = HPKE.new(receiver_key=_RawPublicKey(public, random), aead_id=_AEAD, info=info)
    return context.enc, context.seal(plain)


def unseal(seed: bytes, share: bytes, sealed: bytes, info: bytes) -> bytes | None:
    """OpenBase with empty aad; None when it doesn't authenticate. `ValueError` when `share` is none."""
    context = HPKE.new(receiver_key=_private(seed), aead_id=_AEAD, info=info, enc=share)
    try:
        return context.unseal(sealed)
    except ValueError:
        return None


def _no_randomness(_count: int) -> bytes:
    raise RuntimeError("a key that is only checked encapsulates nothing")


def _private(seed: bytes) -> HybridKey:
    return Hybrid.generate(param_set=_KEM, randfunc=lambda _count: seed)


class _RawPublicKey(HybridKey):
    """A public key from its bytes that encapsulates with the caller's randomness.

    If a later pycryptodome stops calling `_encaps`, its own randomness is used, never none: still a good
    file, but the writer's vectors are no longer met byte for byte.
    """

    def __init__(self, raw: bytes, random: Callable[[int], bytes]) -> None:
        super().__init__(param_set=_KEM, pk=raw)
        self._random = random

    def _encaps(self, randomness: bytes | None = None) -> tuple[bytes, bytes]:
        if randomness is None:
            randomness = draw(self._random, 32) + draw(self._random, 32)
        return super()._encaps(randomness)
