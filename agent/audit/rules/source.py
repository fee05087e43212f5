"""Source: somebody acts on this box who is not on the list of those that do (STD 7.4 c). Pure.

Guarantees: every accepted command is looked at, with all its signatures. Leaves out who was refused: that is
`denied.py`. Operators count by name, users of the local door by the uid that the kernel gave.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from agent.audit.finding import Settings
from agent.formats.ledger_v1 import Leaf, LeafType

_UID = "uid:"


@dataclass(slots=True)
class Source:
    """Remembers nothing."""

    NAME: ClassVar[str] = "source"
    SEVERITY: ClassVar[str] = "critical"
    REMEDY: ClassVar[str] = (
        "find out who it was; then acknowledge, and correct [audit] or take the right away"
    )

    def take(self, leaf: Leaf, at_ns: int, settings: Settings) -> str | None:
        """A command accepted from somebody who is not listed."""
        if leaf.type is not LeafType.COMMAND_ACCEPTED:
            return None
        signers = leaf.body.get("signers")
        names = [str(name) for name in signers] if isinstance(signers, list) else []
        strangers = [name for name in names if not _listed(name, settings)]
        if names and not strangers:
            return None
        who = ", ".join(strangers)[:120] or "nobody who is named"
        return f"{leaf.body.get('type')} was done by {who}, not on the list of sources"

    def lasts(self, at_ns: int, settings: Settings) -> bool:
        """An act is over when it is done."""
        return False


def _listed(name: str, settings: Settings) -> bool:
    if not name.startswith(_UID):
        return name in settings.operators
    uid = name.removeprefix(_UID)
    return settings.door_uids is None or (uid.isdecimal() and int(uid) in settings.door_uids)
