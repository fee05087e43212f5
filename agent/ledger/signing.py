"""Ed25519 keys that sign notes and cosign checkpoints, and verifiers of such signatures.

Guarantees: a key never shows its secret in `repr` or in an error; a key file is read only when nobody
but its owner may read it (mode 0400 or 0600), else Refuse `key.permissions`. Leaves out what the text
means. The caller must give 32 random bytes once, and must get the verifier key by a way it trusts.
"""

from __future__ import annotations

import os
import stat
from base64 import b64encode
from pathlib import Path

from Crypto.PublicKey import ECC
from Crypto.Signature import eddsa

from agent.formats import signed_note
from agent.formats.signed_note import ED25519, Note, Signature
from agent.host.files import translate, write_atomic
from agent.model.errors import Refuse

_PREFIX = "PRIVATE+KEY+"
_MAX_FILE = 4096
_COMPARE = "compare the verifier key with the one noted at enrolment"


class SigningKey:
    """A private key with its name. Make it with `generate` or `load`.

    `kind` is the signature type: `ED25519` for notes, `COSIGNATURE` for a witness. One key has one kind.
    """

    __slots__ = ("_key", "_seed", "key_id", "kind", "name", "verifier_key")

    def __init__(self, name: str, seed32: bytes, kind: int = ED25519) -> None:
        if len(seed32) != 32 or not signed_note.is_key_name(name):
            raise ValueError("a key needs a name without spaces or plus, and 32 bytes")
        self.name, self.kind = name, kind
        self._seed = bytes(seed32)
        self._key = ECC.construct(curve="Ed25519", seed=self._seed)
        self.key_id = signed_note.key_id(name, _raw(self._key), kind)
        self.verifier_key = signed_note.encode_vkey(name, _raw(self._key), kind)

    @classmethod
    def generate(cls, seed32: bytes, name: str, kind: int = ED25519) -> SigningKey:
        """A new key from 32 random bytes."""
        return cls(name, seed32, kind)

    def __repr__(self) -> str:
        return f"SigningKey({self.verifier_key!r})"

    def __reduce__(self) -> str:
        raise TypeError("a signing key is not pickled")

    def sign(self, message: bytes) -> bytes:
        """The 64 bytes of an RFC 8032 signature."""
        return bytes(eddsa.new(self._key, "rfc8032").sign(message))

    def sign_note(self, text: str, limit: int = signed_note.MAX_NOTE) -> bytes:
        """`text` (ending in a newline) as a note signed by this key alone."""
        if self.kind != ED25519:
            raise ValueError("a witness's key signs no notes")
        value = self.sign(text.encode("utf-8"))
        signature = Signature(name=self.name, key_id=self.key_id, value=value)
        return signed_note.encode(Note(text=text, signatures=(signature,)), limit)

    def save(self, path: Path) -> None:
        """Write the key file with mode 0600; Refuse `key.exists` rather than replace a key."""
        if path.exists() or path.is_symlink():
            raise Refuse("key.exists", f"{path} exists already", "move the old key away first")
        secret = b64encode(bytes([self.kind]) + self._seed).decode("ascii")
        write_atomic(path, f"{_PREFIX}{self.name}+{self.key_id.hex()}+{secret}\n".encode(), 0o600)

    @classmethod
    def load(cls, path: Path, kind: int = ED25519) -> SigningKey:
        """The key of this kind in `path`; Refuse `key.missing`, `key.permissions` or `key.bad`."""
        return cls._parse(_read_private(path), path, kind)

    @classmethod
    def _parse(cls, line: bytes, path: Path, kind: int) -> SigningKey:
        bad = Refuse("key.bad", f"{path} is not a signing key", "restore the key file or enrol the box again")
        text = line.decode("utf-8", errors="replace")
        if not text.startswith(_PREFIX) or text.count("\n") != 1 or not text.endswith("\n"):
            raise bad
        name, _, rest = text.removeprefix(_PREFIX).rstrip("\n").partition("+")
        identity, _, encoded = rest.partition("+")
        try:
            data = signed_note.strict_base64(encoded)
        except ValueError:
            raise bad from None  # the cause would quote the secret
        if len(data) != 33 or data[0] != kind or not signed_note.is_key_name(name):
            raise bad
        key = cls(name, data[1:], kind)
        if key.key_id.hex() != identity:
            raise bad
        return key


class Verifier:
    """Checks notes against one verifier key; Refuse `key.bad` when that is no verifier key."""

    def __init__(self, vkey: str, kind: int = ED25519) -> None:
        self.name, self._public = signed_note.parse_vkey(vkey, kind)
        self.kind = kind
        self._key_id = signed_note.key_id(self.name, self._public, kind)
        try:
            self._key = eddsa.import_public_key(self._public)
        except ValueError as error:
            raise Refuse("key.bad", "not a point of Ed25519", "copy the verifier key again") from error

    def verify(self, note: bytes, limit: int = signed_note.MAX_NOTE) -> Note:
        """The note, when this key signed it; Refuse `note.bad`, `note.unsigned` or `note.forged`."""
        if self.kind != ED25519:
            raise ValueError("a witness's key signs no notes")
        parsed = signed_note.parse(note, limit)
        for signature in self.signatures(parsed):
            self.check(parsed.text.encode("utf-8"), signature.value)
        return parsed

    def signatures(self, note: Note) -> list[Signature]:
        """The lines of this key, at least one and not checked yet; Refuse `note.unsigned`."""
        found = [s for s in note.signatures if (s.name, s.key_id) == (self.name, self._key_id)]
        if not found:
            raise Refuse("note.unsigned", f"no signature by {self.name} with this key", _COMPARE)
        return found

    def check(self, message: bytes, signature: bytes) -> None:
        """Refuse `note.forged` unless `signature` is this key's RFC 8032 signature of `message`."""
        try:
            eddsa.new(self._key, "rfc8032").verify(message, signature)
        except ValueError as error:
            raise Refuse("note.forged", f"a signature of {self.name} is false", _COMPARE) from error


def _raw(key: ECC.EccKey) -> bytes:
    return bytes(key.public_key().export_key(format="raw"))


def _read_private(path: Path) -> bytes:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except FileNotFoundError as error:
        raise Refuse("key.missing", f"{path} does not exist", "enrol the box or restore the key") from error
    except OSError as error:
        raise translate(error, path, "opening") from error
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode) or stat.S_IMODE(status.st_mode) not in (0o400, 0o600):
            raise Refuse("key.permissions", f"{path} may be read by others", f"chmod 0600 {path}")
        return os.read(fd, _MAX_FILE)
    except OSError as error:
        raise translate(error, path, "reading") from error
    finally:
        os.close(fd)
