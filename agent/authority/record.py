"""The authority's append-only record: a chain of signed notes, one file each.

Guarantees: `load` gives entries only when every note is signed by the authority's key, has its number and
names the hash of the note before, else Refuse `authority.record-bad`; an entry is durable when `append`
returns. Leaves out what only a head kept elsewhere can show: that the newest notes were cut off.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import rfc8785

from agent.authority.disk import Disk
from agent.formats.tickets_v1 import MAX_BATCH
from agent.ledger.signing import SigningKey, Verifier
from agent.model.errors import Refuse
from agent.model.outgoing import Json
from agent.model.times import from_rfc3339, rfc3339

VERSION = 1
CREATED, ISSUED, UNWRAPPED, DESTROYED = "created", "issued", "unwrapped", "destroyed"
WITHDRAWN = "withdrawn"
_TYPES = {CREATED, ISSUED, UNWRAPPED, DESTROYED, WITHDRAWN}
_NAME = re.compile(r"[0-9]{8}\.note")
_FIELDS = {"v", "n", "prev", "at", "type", "epoch", "epoch_recipient", "body"}
NO_NOTE = "0" * 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One thing that the authority did. `sha256` is that of its note."""

    n: int
    at: str
    type: str
    epoch: int
    epoch_recipient: str
    body: Mapping[str, Json]
    sha256: str


def record_bad(why: str) -> Refuse:
    """The record can't be trusted any more."""
    return Refuse(
        "authority.record-bad",
        f"the authority's record is broken: {why}",
        "do not go on with this directory: restore the newest good copy, and find out who changed it",
    )


class Record:
    """The entries so far, and the key that signs the next."""

    def __init__(self, directory: Path, key: SigningKey, disk: Disk) -> None:
        self._directory = directory
        self._key = key
        self._disk = disk
        self.entries: list[Entry] = []

    def load(self) -> None:
        """Reads and checks the whole chain."""
        verifier = Verifier(self._key.verifier_key)
        try:
            names = sorted(path.name for path in self._directory.iterdir() if _NAME.fullmatch(path.name))
        except OSError as error:
            raise record_bad(f"it can't be listed: {error.strerror}") from None
        entries: list[Entry] = []
        for number, name in enumerate(names):
            if name != _name(number):
                raise record_bad(f"note {number} is missing")
            try:
                data = (self._directory / name).read_bytes()
            except OSError as error:
                raise record_bad(f"note {number} can't be read: {error.strerror}") from None
            before = entries[-1].sha256 if entries else NO_NOTE
            entries.append(_entry(data, number, before, verifier))
        self.entries = entries

    @property
    def head(self) -> str:
        """SHA-256 of the newest note."""
        return self.entries[-1].sha256 if self.entries else NO_NOTE

    def append(
        self, kind: str, body: Mapping[str, Json], *, epoch: int, epoch_recipient: str, wall_ns: int
    ) -> Entry:
        """Signs and writes the next entry."""
        number = len(self.entries)
        document: dict[str, Json] = {
            "v": VERSION,
            "n": number,
            "prev": self.head,
            "at": rfc3339(wall_ns),
            "type": kind,
            "epoch": epoch,
            "epoch_recipient": epoch_recipient,
            "body": dict(body),
        }
        data = self._key.sign_note(rfc8785.dumps(document).decode() + "\n", MAX_BATCH)
        entry = _entry(data, number, self.head, Verifier(self._key.verifier_key))
        self._disk.write(self._directory / _name(number), data, 0o644)
        self.entries.append(entry)
        return entry


def _name(number: int) -> str:
    return f"{number:08d}.note"


def _entry(data: bytes, number: int, before: str, verifier: Verifier) -> Entry:
    try:
        text = verifier.verify(data, MAX_BATCH).text
    except Refuse as error:
        raise record_bad(f"note {number}: {error.text}") from None
    try:
        document = json.loads(text)
        if set(document) != _FIELDS or rfc8785.dumps(document).decode() + "\n" != text:
            raise ValueError("fields or spelling")
        from_rfc3339(str(document["at"]))
        sound = (document["v"], document["n"], document["prev"]) == (VERSION, number, before)
        if not sound or document["type"] not in _TYPES or not isinstance(document["body"], dict):
            raise ValueError("version, number, chain, type or body")
        return Entry(
            n=number,
            at=document["at"],
            type=document["type"],
            epoch=int(document["epoch"]),
            epoch_recipient=str(document["epoch_recipient"]),
            body=document["body"],
            sha256=hashlib.sha256(data).hexdigest(),
        )
    except (ValueError, TypeError, RecursionError, rfc8785.CanonicalizationError) as error:
        raise record_bad(f"note {number}: {error}") from None
