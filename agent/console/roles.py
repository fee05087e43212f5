"""Roles of the console, and which of them go together (STD 9.2: least privilege, no role holds another)."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from agent.model.errors import Refuse


class Role(StrEnum):
    """What a person does at the console. What their key may do is another matter (`[[operator]]`)."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    SECURITY_OFFICER = "security-officer"
    AUDITOR = "auditor"
    ADMIN = "admin"


EVERY = frozenset(Role)
ACTING = frozenset({Role.OPERATOR, Role.SECURITY_OFFICER})
AUDITING = frozenset({Role.AUDITOR, Role.SECURITY_OFFICER, Role.ADMIN})
ADMINISTERING = frozenset({Role.ADMIN})
_ALONE = (Role.AUDITOR, Role.ADMIN)


def roles_of(names: Iterable[str]) -> frozenset[Role]:
    """The roles that are named.

    Refuse `request.bad` for unknown ones, none, and those that don't go together.
    """
    try:
        found = frozenset(Role(name) for name in names)
    except ValueError:
        raise _bad("there is no such role", f"roles are {', '.join(Role)}") from None
    if not found:
        raise _bad("an account needs a role", "give viewer at least")
    if len(found) > 1 and any(role in found for role in _ALONE):
        raise _bad("auditor and admin are each held alone", "make an account for each duty")
    return found


def _bad(text: str, advice: str) -> Refuse:
    return Refuse("request.bad", text, advice)
