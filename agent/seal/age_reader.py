"""Reads an age v1 file strictly, chunk by chunk.

Guarantees: yields only authenticated plaintext, in order. Refusals: `seal.age-header` (not a well-formed
header), `seal.no-matching-key`, `seal.corrupt` (changed or out of place), `seal.truncated` (the end is
missing); the last two come after every verified whole chunk before the damage was yielded. A caller that
needs the whole file must read to the end without a refusal. Leaves out armor and passphrases.
"""

from __future__ import annotations

import hmac
import io
from collections.abc import Callable, Iterator, Sequence

from agent.formats import age_v1
from agent.formats.age_v1 import CHUNK, FILE_KEY_LEN, NONCE_LEN, TAG, Header
from agent.model.errors import Refuse
from agent.seal import suites
from agent.seal.age_keys import PayloadCipher, header_mac

_SEALED = CHUNK + TAG
_READ = 4096


def open_stream(read: Callable[[int], bytes], identities: Sequence[str]) -> Iterator[bytes]:
    """The plaintext of the age file that `read` gives, in chunks of at most 64 KiB.

    `read(n)` gives 1 to n bytes, or none at the end. Header and keys are judged here, chunks on iterating.
    """
    source = _Source(read)
    raw = _read_header(source)
    header = age_v1.parse(raw)
    file_key = _unwrap(header, identities)
    covered = raw[: raw.rindex(b"---") + 3]
    if not hmac.compare_digest(header_mac(file_key, covered), header.mac):
        raise _corrupt("the header was changed")
    nonce = source.take(NONCE_LEN)
    if len(nonce) < NONCE_LEN:
        raise _truncated()
    return _chunks(source, PayloadCipher(file_key, nonce))


def open_bytes(data: bytes, identities: Sequence[str]) -> bytes:
    """The plaintext of a whole age file; nothing at all of a damaged one."""
    return b"".join(open_stream(io.BytesIO(data).read, identities))


class _Source:
    """Takes exact amounts from a `read` that may give less."""

    def __init__(self, read: Callable[[int], bytes]) -> None:
        self._read = read
        self._buffer = bytearray()

    def peek_more(self) -> bytearray | None:
        """Everything buffered after one more read, or None at the end of the file."""
        data = self._read(_READ)
        self._buffer += data
        return self._buffer if data else None

    def take(self, count: int) -> bytes:
        """`count` bytes, or fewer only at the end of the file."""
        while len(self._buffer) < count:
            data = self._read(count - len(self._buffer))
            if not data:
                break
            self._buffer += data
        taken = bytes(self._buffer[:count])
        del self._buffer[:count]
        return taken


def _read_header(source: _Source) -> bytes:
    while (buffer := source.peek_more()) is not None:
        end = age_v1.header_end(buffer)
        if end is not None:
            return source.take(end)
    raise _truncated()


def _unwrap(header: Header, identities: Sequence[str]) -> bytes:
    """The file key. All stanzas are looked at, so a malformed one is refused wherever it stands."""
    if len(header.stanzas) > 1 and any(stanza.type == "scrypt" for stanza in header.stanzas):
        raise age_v1.bad_header("a passphrase stanza must be the only one")
    for identity in identities:
        suite = suites.by_identity(identity)
        found = [key for stanza in header.stanzas if (key := suite.unwrap(stanza, identity)) is not None]
        if found and len(found[0]) == FILE_KEY_LEN:
            return found[0]
    raise Refuse(
        "seal.no-matching-key",
        "none of the given identities opens this file",
        "Use the recording's identity from its capsule, or for a capsule a custodian's.",
    )


def _chunks(source: _Source, cipher: PayloadCipher) -> Iterator[bytes]:
    counter = 0
    piece = source.take(_SEALED)
    while True:
        following = source.take(_SEALED) if len(piece) == _SEALED else b""
        if not following:
            break
        chunk = cipher.open(counter, piece, last=False)
        if chunk is None:
            yield from _before_foreign_data(cipher, counter, piece)
            return
        yield chunk
        counter += 1
        piece = following
    yield from _last_chunk(cipher, counter, piece)


def _before_foreign_data(cipher: PayloadCipher, counter: int, piece: bytes) -> Iterator[bytes]:
    """Judges a whole piece that is not the end of the file and no earlier chunk: always a refusal."""
    chunk = cipher.open(counter, piece, last=True)
    if chunk is None:
        raise _corrupt(f"chunk {counter} is damaged, out of place, or followed by foreign data")
    yield chunk
    raise _corrupt("there is foreign data after its end")


def _last_chunk(cipher: PayloadCipher, counter: int, piece: bytes) -> Iterator[bytes]:
    """Judges the piece before the end of the file: the last chunk, a whole earlier one, or a remnant."""
    chunk = cipher.open(counter, piece, last=True) if len(piece) >= TAG else None
    if chunk is not None:
        if counter and not chunk:
            raise _corrupt("the last chunk is empty")
        yield chunk
        return
    if len(piece) < _SEALED:  # a changed bit in a short last chunk can't be told from a cut
        raise _truncated()
    chunk = cipher.open(counter, piece, last=False)
    if chunk is None:
        raise _corrupt(f"chunk {counter} is damaged or out of place")
    yield chunk
    raise _truncated()


def _truncated() -> Refuse:
    return Refuse(
        "seal.truncated",
        "the file ends too early; what came before is verified",
        "Keep the verified part. Compare the file's size with its ledger leaf.",
    )


def _corrupt(why: str) -> Refuse:
    return Refuse(
        "seal.corrupt",
        f"the file is damaged: {why}",
        "Compare the file's hash with its ledger leaf and fetch another copy.",
    )
