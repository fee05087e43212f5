"""The epoch key: the age identity that every living ticket's private key is sealed to.

Guarantees: after `settle` the file holds the record's key and the one before is gone, whatever step an
earlier destruction was stopped at; no identity reaches an error text. The key is of the post-quantum
suite, since it guards tickets of level 5 too. The caller must keep the file apart from backups.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from agent.authority.disk import Disk
from agent.model.errors import Refuse
from agent.seal.capsule import read_identity_file
from agent.seal.recording_key import KeyPair, new_key_pair, recipient_of
from agent.seal.suites import age_mlkem768x25519

_READABLE_BY_OTHERS = 0o077


class EpochKey:
    """One file, and `<file>.next` while a destruction is under way."""

    def __init__(self, path: Path, disk: Disk) -> None:
        self.path = path
        self.next = path.with_name(path.name + ".next")
        self._disk = disk

    def create(self, random: Callable[[int], bytes]) -> KeyPair:
        """The first one; Refuse `authority.exists` rather than replace a key."""
        if self.path.exists() or self.path.is_symlink():
            raise Refuse(
                "authority.exists",
                f"there is a file at {self.path} already",
                "name another file for the epoch key, or move that one away if nothing needs it any more",
            )
        keys = new_key_pair(random, age_mlkem768x25519.NAME)
        self._disk.write(self.path, _text(keys, 1), 0o600)
        return keys

    def prepare(self, random: Callable[[int], bytes], epoch: int) -> KeyPair:
        """A new key beside the one that still holds, in place of what a broken-off destruction left there."""
        if self.next.is_file():
            self._disk.overwrite_with_zeros(self.next)
        keys = new_key_pair(random, age_mlkem768x25519.NAME)
        self._disk.write(self.next, _text(keys, epoch), 0o600)
        return keys

    def settle(self, recipient: str) -> None:
        """Puts the next key in the old one's place when the record's `recipient` is its.

        Another key there is left from a destruction that the record doesn't know: it opens nothing here. It
        is not removed, since this directory may be an old copy and that key the one which holds elsewhere.
        """
        if not self.next.is_file() or _recipient(self.next) != recipient:
            return
        if self.path.is_file():
            self._disk.overwrite_with_zeros(self.path)
        self._disk.rename(self.next, self.path)

    def load(self, recipient: str) -> str:
        """The identity of `recipient`; Refuse `authority.no-epoch-key`, `authority.wrong-epoch-key`."""
        try:
            mode = self.path.stat().st_mode
        except OSError as error:
            raise Refuse(
                "authority.no-epoch-key",
                f"the epoch key {self.path} can't be read: {error.strerror}",
                "put its medium in, and name the file with --epoch-key",
            ) from None
        if mode & _READABLE_BY_OTHERS:
            raise Refuse(
                "authority.epoch-key-exposed",
                f"the epoch key {self.path} may be read by others",
                f"run: chmod 0600 {self.path}; a medium without modes: mount it with fmask=0077",
            )
        identity = _identity(self.path)
        if identity is None or recipient_of(identity) != recipient:
            raise Refuse(
                "authority.wrong-epoch-key",
                f"{self.path} is not the key of the epoch that this directory is in",
                "this directory is an old copy, or the medium another authority's: take the directory and "
                "the key that belong together",
            )
        return identity


def _text(keys: KeyPair, epoch: int) -> bytes:
    return f"# edgeward key authority, epoch {epoch}; keep apart from backups\n{keys.identity}\n".encode()


def _identity(path: Path) -> str | None:
    try:
        found = read_identity_file(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, Refuse):
        return None
    return found[0] if len(found) == 1 else None


def _recipient(path: Path) -> str | None:
    identity = _identity(path)
    return None if identity is None else recipient_of(identity)
