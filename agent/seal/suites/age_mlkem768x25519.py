"""Suite `age-mlkem768x25519`: the post-quantum hybrid recipient type of age.md.

Guarantees: wraps a file key as age 1.3 does, with a fresh encapsulation for each stanza; refuses keys out
of range on the writer's side and low-order shares on the reader's. No text of a key reaches an error.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from agent.formats import bech32
from agent.formats.age_v1 import FILE_KEY_LEN, TAG, Stanza, bad_header, decode_base64, encode_base64
from agent.model.errors import Refuse
from agent.seal import xwing
from agent.seal.age_keys import draw, key_bytes

NAME: Final = "age-mlkem768x25519"
RECIPIENT_HRP: Final = "age1pq"
IDENTITY_HRP: Final = "AGE-SECRET-KEY-PQ-"
POST_QUANTUM: Final = True

STANZA_TYPE: Final = "mlkem768x25519"
_INFO = b"age-encryption.org/mlkem768x25519"


def new_identity(random: Callable[[int], bytes]) -> str:
    """A fresh identity from 32 bytes of `random`."""
    return bech32.encode(IDENTITY_HRP, draw(random, xwing.SEED_LEN))


def recipient_of(identity: str) -> str:
    """The recipient (`age1pq1...`) of `identity`."""
    return bech32.encode(RECIPIENT_HRP, xwing.public_of(_seed(identity)))


def wrap(file_key: bytes, recipient: str, random: Callable[[int], bytes]) -> Stanza:
    """`file_key` for `recipient` (`age1pq1...`), as a stanza."""
    share, body = xwing.seal(_recipient_raw(recipient), file_key, _INFO, random)
    return Stanza(STANZA_TYPE, (encode_base64(share),), body)


def unwrap(stanza: Stanza, identity: str) -> bytes | None:
    """The file key, or None when the stanza is of another type or for another key.

    A malformed stanza of this type and a low-order share refuse the whole header.
    """
    if stanza.type != STANZA_TYPE:
        return None
    share = _share(stanza)
    try:
        return xwing.unseal(_seed(identity), share, stanza.body, _INFO)
    except ValueError:
        raise bad_header("the X25519 part of an mlkem768x25519 share is a low-order point") from None


def check_recipient(recipient: str) -> None:
    """Refuses with `seal.bad-recipient` what is not a usable post-quantum recipient."""
    _recipient_raw(recipient)


def check_identity(identity: str) -> None:
    """Refuses with `seal.bad-identity` what is not a post-quantum identity."""
    _seed(identity)


def _share(stanza: Stanza) -> bytes:
    if len(stanza.args) != 1:
        raise bad_header("an mlkem768x25519 stanza must have one argument")
    share = decode_base64(stanza.args[0])
    if len(share) != xwing.SHARE_LEN:
        raise bad_header(f"an mlkem768x25519 share must have {xwing.SHARE_LEN} bytes")
    if len(stanza.body) != FILE_KEY_LEN + TAG:
        raise bad_header("an mlkem768x25519 body must have 32 bytes")
    return share


def _recipient_raw(recipient: str) -> bytes:
    try:
        raw = key_bytes(recipient, RECIPIENT_HRP, xwing.PUBLIC_LEN)
        xwing.check_public(raw)
    except ValueError as error:
        raise Refuse(
            "seal.bad-recipient",
            f"not a post-quantum recipient: {error}",
            "Give a recipient as `edgeward keygen --post-quantum` prints it: age1pq1...",
        ) from None
    return raw


def _seed(identity: str) -> bytes:
    try:
        return key_bytes(identity, IDENTITY_HRP, xwing.SEED_LEN)
    except ValueError as error:
        raise Refuse(
            "seal.bad-identity",
            f"not a post-quantum identity: {error}",
            "Give an identity as `edgeward keygen --post-quantum` writes it: AGE-SECRET-KEY-PQ-1...",
        ) from None
