"""Writes one age v1 file as a stream of sealed pieces.

Guarantees: the pieces of `begin`, `update`, `flush_full` and `finish`, joined in call order, are one age
file that stock tools open; every piece ends on a chunk border, so the pieces before a crash give their
whole plaintext back. No plaintext leaves this class and the file key is dropped in `begin`. Wrong call
order raises RuntimeError. Leaves out files and disks, and choosing when to pad.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum, auto

from agent.formats import age_v1
from agent.formats.age_v1 import CHUNK, FILE_KEY_LEN, NONCE_LEN, Header
from agent.model.errors import Refuse
from agent.model.media import Sealed
from agent.seal import suites
from agent.seal.age_keys import PayloadCipher, draw, header_mac


class _State(Enum):
    NEW = auto()
    OPEN = auto()
    FINISHED = auto()


class AgeWriter:
    """One file to `recipients`, all of one suite: `suite`, or that of the first of them.

    Refuses before any recording: `seal.no-recipient`, `seal.bad-recipient`, `seal.mixed-recipients`.
    `random(n)` must give n bytes from the operating system's secure source.
    """

    def __init__(
        self, recipients: Sequence[str], random: Callable[[int], bytes], suite: str | None = None
    ) -> None:
        if not recipients:
            raise Refuse(
                "seal.no-recipient",
                "nobody could open this file: there is no recipient",
                "Configure at least one custodian's recipient of the kind that the level needs.",
            )
        found = [suites.by_recipient(recipient) for recipient in recipients]
        self._suite = found[0] if suite is None else suites.by_name(suite)
        if any(other is not self._suite for other in found):
            raise Refuse(
                "seal.mixed-recipients",
                f"a recipient is not of the suite {self._suite.NAME}, and a file has only one suite",
                "Seal to age1... recipients, or to age1pq1... recipients, never to both in one file.",
            )
        self._recipients = tuple(recipients)
        self._random = random
        self._state = _State.NEW
        self._cipher: PayloadCipher | None = None
        self._pending = bytearray()
        self._counter = 0

    @property
    def pending_bytes(self) -> int:
        """Plaintext bytes that no returned piece holds yet: what a crash now would lose."""
        return len(self._pending)

    def begin(self) -> Sealed:
        """The header and the payload nonce. To be called once, first."""
        if self._state is not _State.NEW:
            raise RuntimeError("begin() was called twice")
        file_key = draw(self._random, FILE_KEY_LEN)
        stanzas = tuple(self._suite.wrap(file_key, to, self._random) for to in self._recipients)
        header = age_v1.encode(Header(stanzas, header_mac(file_key, age_v1.covered(stanzas))))
        nonce = draw(self._random, NONCE_LEN)
        self._cipher = PayloadCipher(file_key, nonce)
        self._state = _State.OPEN
        return Sealed(header + nonce, final=False)

    def update(self, data: bytes | bytearray | memoryview) -> Sealed | None:
        """Adds `data`; gives the whole chunks that are certainly not the last, or None.

        Between 1 and 65536 bytes stay pending, since the last chunk of an age file must not be empty.
        """
        cipher = self._open_cipher()
        view = memoryview(data).cast("B")
        pieces: list[bytes] = []
        while len(self._pending) + len(view) > CHUNK:
            if self._pending:
                missing = CHUNK - len(self._pending)
                self._pending += view[:missing]
                pieces.append(self._seal_pending(cipher, last=False))
            else:
                missing = CHUNK
                pieces.append(cipher.seal(self._counter, view[:CHUNK], last=False))
                self._counter += 1
            view = view[missing:]
        self._pending += view
        if not pieces:
            return None
        return Sealed(pieces[0] if len(pieces) == 1 else b"".join(pieces), final=False)

    def flush_full(self) -> Sealed | None:
        """Seals a pending chunk of exactly 65536 bytes as not the last; None if it has another size.

        By calling this the caller promises at least one more byte before `finish`.
        """
        cipher = self._open_cipher()
        if len(self._pending) != CHUNK:
            return None
        return Sealed(self._seal_pending(cipher, last=False), final=False)

    def finish(self) -> Sealed:
        """The last chunk. Nothing can follow. RuntimeError if the promise of `flush_full` was broken."""
        cipher = self._open_cipher()
        if self._counter and not self._pending:
            raise RuntimeError("finish() right after flush_full(): age forbids an empty last chunk")
        piece = self._seal_pending(cipher, last=True)
        self._state = _State.FINISHED
        self._cipher = None
        return Sealed(piece, final=True)

    def _open_cipher(self) -> PayloadCipher:
        if self._state is not _State.OPEN or self._cipher is None:
            raise RuntimeError("the file is not open: begin() first, and nothing after finish()")
        return self._cipher

    def _seal_pending(self, cipher: PayloadCipher, *, last: bool) -> bytes:
        piece = cipher.seal(self._counter, self._pending, last=last)
        self._counter += 1
        self._pending.clear()
        return piece


def seal_bytes(
    data: bytes, recipients: Sequence[str], random: Callable[[int], bytes], suite: str | None = None
) -> bytes:
    """`data` as one whole age file to `recipients`."""
    writer = AgeWriter(recipients, random, suite)
    pieces = [writer.begin(), writer.update(data), writer.finish()]
    return b"".join(piece.data for piece in pieces if piece is not None)
