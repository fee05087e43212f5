"""The record of who did what at the console: entries, and the chain of hashes through them. Pure.

Guarantees: a hash covers the entry and the hash before it, so nobody who changes, takes out or moves an
entry can leave the later ones as they are. Leaves out that somebody makes the whole chain anew: print or
export its head from time to time. What a person typed stands in `detail`; a password never does.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

import rfc8785

from agent.model.outgoing import Json

FIRST = sha256(b"edgeward.console-audit/v1").hexdigest()
"""What stands before the first entry."""
_MAX_DETAIL = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One action. `account` is None for what nobody who is logged in did."""

    at: str
    action: str
    account: str | None = None
    terminal: str | None = None
    object: str | None = None
    box: str | None = None
    result: str = "done"
    code: str | None = None
    detail: str | None = None

    def values(self) -> tuple[str | None, ...]:
        """In the order of the table's columns, between `id` and `hash`."""
        detail = None if self.detail is None else self.detail[:_MAX_DETAIL]
        return (
            self.at, self.account, self.terminal, self.action, self.object, self.box, self.result, self.code,
            detail,
        )  # fmt: skip


def chained(before: str, number: int, values: Iterable[str | None]) -> str:
    """The hash of the entry `number` that follows the hash `before`."""
    document: list[Json] = [before, number, *values]
    return sha256(rfc8785.dumps(document)).hexdigest()


def broken_at(rows: Iterable[tuple[int, tuple[str | None, ...], str]]) -> tuple[int, str, int | None]:
    """How many rows there are, the last hash, and the number of the first wrong one."""
    head, count = FIRST, 0
    for number, values, digest in rows:
        if number != count + 1 or chained(head, number, values) != digest:
            return count, head, number
        head, count = digest, number
    return count, head, None
