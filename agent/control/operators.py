"""Whose signatures count: the operators of the configuration with their verifiers.

Guarantees: an operator is found only by the exact name and id of their key. Leaves out the cryptography:
the caller gives what makes a verifier from a verifier key (`agent.ledger.signing.Verifier`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from agent.formats.config_operators import OperatorConfig
from agent.formats.signed_note import Note, Signature, key_id, parse_vkey
from agent.model.commands import Role


class NoteVerifier(Protocol):
    """Checks all signatures by one key."""

    def verify(self, note: bytes) -> Note:
        """The note; Refuse `note.*` when a signature by this key is false or there is none."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """One person. `key` is the key's name and id, under which the ledger counts."""

    name: str
    key: str
    roles: frozenset[Role]
    verifier: NoteVerifier


class Operators:
    """The list, by key."""

    def __init__(self, configured: Iterable[OperatorConfig], verifier: Callable[[str], NoteVerifier]) -> None:
        """Refuse `key.bad` for a key that is no point of its curve."""
        self._by_key: Mapping[tuple[str, bytes], Operator] = {
            _key(one.key): Operator(
                name=one.name,
                key=f"{_key(one.key)[0]}+{_key(one.key)[1].hex()}",
                roles=frozenset(map(Role, one.roles)),
                verifier=verifier(one.key),
            )
            for one in configured
        }

    def of(self, signature: Signature) -> Operator | None:
        """Who claims to have made this signature; None for a stranger."""
        return self._by_key.get((signature.name, signature.key_id))


def _key(vkey: str) -> tuple[str, bytes]:
    name, public = parse_vkey(vkey)
    return name, key_id(name, public)
