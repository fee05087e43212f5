"""An index of what the ledger says, so that a boot does not read every leaf again.

Guarantees: the account that `open` gives is the one that a pass over all leaves gives, or `open` makes that
pass: the index is believed only where the ledger has the same root at the same size, its own checksum fits,
and the account has the same shape; else it is made anew. It is never believed over the ledger. `save` is
atomic and durable, and a lost or old index costs time only. Leaves out what the account holds: the caller
gives its functions, and must change `shape` whenever the same leaves give another account.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from agent.formats.ledger_v1 import Leaf
from agent.host.files import write_atomic
from agent.model.errors import AgentError

NAME = "past.index"
_VERSION = 1
A = TypeVar("A")


class Log(Protocol):
    """The part of a ledger that is read; `Ledger` and `LogReader` have it."""

    @property
    def size(self) -> int: ...
    def root_at(self, size: int) -> bytes: ...
    def leaves(self, start: int = 0) -> Iterator[Leaf]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Account(Generic[A]):
    """How an account of the leaves is made, fed and written. `from_json(to_json(x))` is equal to `x`.

    `from_json` may raise ValueError, TypeError, LookupError or AttributeError for what it can't read.
    """

    shape: str
    new: Callable[[], A]
    take: Callable[[A, Leaf], object]
    to_json: Callable[[A], Any]
    from_json: Callable[[Any], A]


class PastIndex(Generic[A]):
    """The account over the first `size` leaves. It owns `account`: take a `copy` to change it."""

    def __init__(self, path: Path, how: Account[A], account: A, size: int) -> None:
        self._path = path
        self._how = how
        self._saved = size
        self.account = account
        self.size = size

    @classmethod
    def open(cls, path: Path, how: Account[A], log: Log) -> PastIndex[A]:
        """The index in `path` brought up to the whole of `log`, or one made anew. Errors of `log` alone."""
        index = cls.saved(path, how, log)
        index.advance(log)
        return index

    @classmethod
    def saved(cls, path: Path, how: Account[A], log: Log) -> PastIndex[A]:
        """The index as `path` has it, or an empty one: the caller brings it up with `advance`."""
        return cls._read(path, how, log) or cls(path, how, how.new(), 0)

    @classmethod
    def _read(cls, path: Path, how: Account[A], log: Log) -> PastIndex[A] | None:
        """What is written in `path`, when it is good and of this log."""
        try:
            head, _, body = path.read_bytes().partition(b"\n")
            fields = json.loads(head)
            size, root = fields["size"], bytes.fromhex(fields["root"])
            fits = (
                (fields["v"], fields["shape"]) == (_VERSION, how.shape)
                and fields["sha256"] == sha256(body).hexdigest()
                and isinstance(size, int)
                and 0 <= size <= log.size
                and log.root_at(size) == root
            )
            return cls(path, how, how.from_json(json.loads(body)), size) if fits else None
        except (OSError, ValueError, TypeError, LookupError, AttributeError, RecursionError):
            return None

    def advance(self, log: Log, limit: int | None = None) -> bool:
        """Takes the leaves since the last time, at most `limit`. True when it has all of them."""
        for leaf in log.leaves(self.size):
            if limit is not None and limit <= 0:
                return False
            self._how.take(self.account, leaf)
            self.size += 1
            limit = None if limit is None else limit - 1
        return True

    @property
    def unsaved(self) -> int:
        """Leaves that a boot would read again if the power went now (beside those not taken yet)."""
        return self.size - self._saved

    def copy(self) -> A:
        """The account as a value of its own."""
        return self._how.from_json(json.loads(json.dumps(self._how.to_json(self.account))))

    def save(self, log: Log) -> None:
        """Writes the index. Errors `disk.*`: the old one is still there, and the caller may go on."""
        body = json.dumps(self._how.to_json(self.account), separators=(",", ":"), sort_keys=True).encode()
        head = {
            "v": _VERSION,
            "shape": self._how.shape,
            "size": self.size,
            "root": log.root_at(self.size).hex(),
            "sha256": sha256(body).hexdigest(),
        }
        write_atomic(self._path, json.dumps(head, sort_keys=True).encode() + b"\n" + body)
        self._saved = self.size

    def try_save(self, log: Log) -> AgentError | None:
        """As `save`, but gives a disk's error back: an index that can't be written stops nothing."""
        try:
            self.save(log)
        except AgentError as error:
            return error
        return None
