"""One segment file on its way to the disk.

Guarantees: created exclusively, only `Sealed` pieces are written (checked when called), hashed as
written, synced on request, durable with its directory entry when `close` returns. After an error the
file stays as it is, never deleted; `abandon` says what is there, and up to where it was synced before.
"""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from pathlib import Path

from agent.host.files import create_exclusive, fsync_dir, translate
from agent.model.errors import AgentError, Halt, Refuse
from agent.model.ids import RecordingId
from agent.model.media import Sealed, Stored, SyncedPrefix
from agent.vault.layout import segment_name


class SegmentFile:
    """Write-only, one owner."""

    def __init__(self, directory: Path, recording: RecordingId, number: int) -> None:
        """Creates the file, its name durable. An existing file is a `Halt` `vault.occupied`."""
        self._recording = recording
        self._number = number
        self._path = directory / segment_name(number)
        self._hash = hashlib.sha256()
        self._size = 0
        self._synced = SyncedPrefix(size_bytes=0, sha256=self._hash.hexdigest())
        try:
            self._descriptor = create_exclusive(self._path, mode=0o640)
        except Refuse as error:
            raise Halt(
                "vault.occupied", error.text, "run edgeward verify: the ledger says what it is"
            ) from None
        try:
            fsync_dir(directory)
        except AgentError:
            self.discard()
            raise

    @property
    def size_bytes(self) -> int:
        """Bytes written so far."""
        return self._size

    def write(self, piece: Sealed) -> None:
        """Appends ciphertext. Unsealed bytes are refused by class."""
        if not isinstance(piece, Sealed):
            raise TypeError("only sealed pieces may be written to a vault")
        view = memoryview(piece.data)
        try:
            while view:
                written = os.write(self._descriptor, view)
                self._hash.update(view[:written])
                self._size += written
                view = view[written:]
        except OSError as error:
            raise translate(error, self._path, "writing the segment") from None

    def sync(self) -> None:
        """fdatasync(2)."""
        try:
            os.fdatasync(self._descriptor)
        except OSError as error:
            raise translate(error, self._path, "syncing the segment") from None
        self._note_synced()

    def close(self, *, final: bool) -> Stored:
        """Durable on return, with its name."""
        try:
            os.fsync(self._descriptor)
            self._note_synced()
            fsync_dir(self._path.parent)
        except OSError as error:
            raise translate(error, self._path, "closing the segment") from None
        finally:
            self._let_go()
        return self._stored(final=final)

    def discard(self) -> None:
        """Takes away a file that holds no picture yet, so that the next try can have its number.

        When that fails too, the file stays: the next try is a `vault.occupied`, and the keeper enters it.
        """
        self._let_go()
        # The error that led here is on its way up.
        with suppress(OSError):
            self._path.unlink(missing_ok=True)

    def abandon(self) -> Stored:
        """What was written when an error ended the segment; durability was not confirmed."""
        self._let_go()
        return self._stored(final=False)

    def _note_synced(self) -> None:
        self._synced = SyncedPrefix(size_bytes=self._size, sha256=self._hash.hexdigest())

    def _let_go(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            # close(2) after a failed write may report that error once more; it is already on its way up.
            with suppress(OSError):
                os.close(descriptor)

    def _stored(self, *, final: bool) -> Stored:
        return Stored(
            recording=self._recording,
            number=self._number,
            name=self._path.name,
            size_bytes=self._size,
            sha256=self._hash.hexdigest(),
            final=final,
            synced=None if self._synced.size_bytes == self._size else self._synced,
        )
