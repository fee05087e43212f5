"""Suite `age-x25519`: the X25519 recipient type of age.md.

Guarantees: wraps a file key as stock age does, with a fresh ephemeral key for each stanza; refuses
low-order points and an all-zero shared secret on both sides. No text of a key reaches an error.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from Crypto.Cipher import ChaCha20_Poly1305
from Crypto.Protocol.DH import import_x25519_private_key, import_x25519_public_key, key_agreement
from Crypto.PublicKey.ECC import EccKey

from agent.formats import bech32
from agent.formats.age_v1 import FILE_KEY_LEN, TAG, Stanza, bad_header, decode_base64, encode_base64
from agent.model.errors import Refuse
from agent.seal.age_keys import derive, draw, key_bytes

NAME: Final = "age-x25519"
RECIPIENT_HRP: Final = "age"
IDENTITY_HRP: Final = "AGE-SECRET-KEY-"
POST_QUANTUM: Final = False

STANZA_TYPE: Final = "X25519"
_INFO = b"age-encryption.org/v1/X25519"
_KEY_LEN = 32
_ZERO_NONCE = bytes(12)


def new_identity(random: Callable[[int], bytes]) -> str:
    """A fresh identity from 32 bytes of `random`, spelled as `age-keygen` does."""
    return bech32.encode(IDENTITY_HRP, draw(random, _KEY_LEN))


def recipient_of(identity: str) -> str:
    """The recipient (`age1...`) of `identity`."""
    return bech32.encode(RECIPIENT_HRP, _public_raw(_private(identity)))


def wrap(file_key: bytes, recipient: str, random: Callable[[int], bytes]) -> Stanza:
    """`file_key` for `recipient` (`age1...`), as a stanza."""
    their_raw = _recipient_raw(recipient)
    ephemeral = import_x25519_private_key(draw(random, _KEY_LEN))
    share = _public_raw(ephemeral)
    secret = _agree(ephemeral, their_raw)
    if secret is None:
        raise _bad_recipient("it is a low-order point")
    cipher = ChaCha20_Poly1305.new(key=derive(secret, salt=share + their_raw, info=_INFO), nonce=_ZERO_NONCE)
    body, tag = cipher.encrypt_and_digest(file_key)
    return Stanza(STANZA_TYPE, (encode_base64(share),), body + tag)


def unwrap(stanza: Stanza, identity: str) -> bytes | None:
    """The file key, or None when the stanza is of another type or for another key.

    A malformed X25519 stanza and a low-order share refuse the whole header.
    """
    if stanza.type != STANZA_TYPE:
        return None
    share = _share(stanza)
    private = _private(identity)
    secret = _agree(private, share)
    if secret is None:
        raise bad_header("the X25519 share is a low-order point")
    wrap_key = derive(secret, salt=share + _public_raw(private), info=_INFO)
    cipher = ChaCha20_Poly1305.new(key=wrap_key, nonce=_ZERO_NONCE)
    try:
        return cipher.decrypt_and_verify(stanza.body[:-TAG], stanza.body[-TAG:])
    except ValueError:
        return None


def check_recipient(recipient: str) -> None:
    """Refuses with `seal.bad-recipient` what is not a usable X25519 recipient."""
    _recipient_raw(recipient)


def check_identity(identity: str) -> None:
    """Refuses with `seal.bad-identity` what is not an X25519 identity."""
    _identity_raw(identity)


def _public_raw(key: EccKey) -> bytes:
    raw = key.public_key().export_key(format="raw")
    if not isinstance(raw, bytes):
        raise RuntimeError("pycryptodome gave text for a raw key")
    return raw


def _share(stanza: Stanza) -> bytes:
    if len(stanza.args) != 1:
        raise bad_header("an X25519 stanza must have one argument")
    share = decode_base64(stanza.args[0])
    if len(share) != _KEY_LEN:
        raise bad_header("an X25519 share must have 32 bytes")
    if len(stanza.body) != FILE_KEY_LEN + TAG:
        raise bad_header("an X25519 body must have 32 bytes")
    return share


def _agree(private: EccKey, public: bytes) -> bytes | None:
    """The shared secret, or None for a low-order point (pycryptodome's ValueError, or all zero)."""
    try:
        secret = key_agreement(kdf=bytes, static_priv=private, static_pub=import_x25519_public_key(public))
    except ValueError:
        return None
    return secret if any(secret) else None


def _recipient_raw(recipient: str) -> bytes:
    try:
        raw = key_bytes(recipient, RECIPIENT_HRP, _KEY_LEN)
    except ValueError as error:
        raise _bad_recipient(str(error)) from None
    try:
        import_x25519_public_key(raw)
    except ValueError:
        raise _bad_recipient("it is a low-order point") from None
    return raw


def _identity_raw(identity: str) -> bytes:
    try:
        return key_bytes(identity, IDENTITY_HRP, _KEY_LEN)
    except ValueError as error:
        raise _bad_identity(str(error)) from None


def _private(identity: str) -> EccKey:
    return import_x25519_private_key(_identity_raw(identity))


def _bad_recipient(why: str) -> Refuse:
    return Refuse(
        "seal.bad-recipient",
        f"not an X25519 recipient: {why}",
        "Give a recipient as `age-keygen -y` prints it: age1...",
    )


def _bad_identity(why: str) -> Refuse:
    return Refuse(
        "seal.bad-identity",
        f"not an X25519 identity: {why}",
        "Give an identity as `age-keygen` prints it: AGE-SECRET-KEY-1...",
    )
