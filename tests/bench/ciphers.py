"""The bulk cipher: ChaCha20-Poly1305 on chunks of 64 KiB, `cryptography` (OpenSSL) against `pycryptodome`.

Guarantees: both encrypt the same bytes with a fresh nonce per chunk, alternating; times are of the
process's own processor clock.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from Crypto.Cipher import ChaCha20_Poly1305
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

CHUNK = 64 * 1024
_CHUNKS = 512


def compare(rounds: int) -> dict[str, list[float]]:
    """GB/s of each library in each round."""
    key, chunk = os.urandom(32), os.urandom(CHUNK)
    openssl = ChaCha20Poly1305(key)

    def by_openssl(nonce: bytes) -> object:
        return openssl.encrypt(nonce, chunk, None)

    def by_pycryptodome(nonce: bytes) -> object:
        return ChaCha20_Poly1305.new(key=key, nonce=nonce).encrypt_and_digest(chunk)

    found: dict[str, list[float]] = {"cryptography": [], "pycryptodome": []}
    for _ in range(rounds):
        found["cryptography"].append(_speed(by_openssl))
        found["pycryptodome"].append(_speed(by_pycryptodome))
    return found


def _speed(seal: Callable[[bytes], object]) -> float:
    seal(bytes(12))
    started = time.process_time()
    for number in range(_CHUNKS):
        seal(number.to_bytes(12, "big"))
    return _CHUNKS * CHUNK / (time.process_time() - started) / 1e9
