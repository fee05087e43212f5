"""Lists of withdrawn tickets, beside the batches: what the authority has destroyed is never given out.

Guarantees: only a list that the configured authority signed counts; a stored one is durable and keeps the
bytes that came; all stored lists count together, so an older one takes nothing back. A list that was damaged
is told to the caller and the others count. Leaves out choosing tickets (`tickets.py`).
"""

from __future__ import annotations

import re
from pathlib import Path

from agent.formats import withdrawal_v1
from agent.formats.tickets_v1 import MAX_BATCH
from agent.formats.withdrawal_v1 import Withdrawal
from agent.host.directory_lock import locked
from agent.host.files import make_directories, translate, write_atomic
from agent.ledger.signing import Verifier
from agent.model.errors import Refuse
from agent.runtime.ticket_batches import FOLDER, read_batch_file

_NAME = re.compile(r"([0-9a-f-]{36})\.withdrawn")


def signed_withdrawal(data: bytes, verifier: Verifier) -> Withdrawal:
    """The list, when the authority of `verifier` signed these bytes."""
    if len(data) > MAX_BATCH:
        raise Refuse("tickets.too-large", f"more than {MAX_BATCH} bytes", "ask the key authority")
    try:
        note = verifier.verify(data, MAX_BATCH)
    except Refuse as error:
        if error.code == "note.forged":
            raise Refuse(
                "tickets.forged",
                "the authority's signature does not fit: the list was changed",
                "do not use this file; get it again from the key authority and find out who changed it",
            ) from None
        if error.code == "note.unsigned":
            raise _stranger("no signature of it by the configured authority") from None
        raise withdrawal_v1.bad("no signed note") from None
    found = withdrawal_v1.decode(note.text)
    if found.authority != verifier.name:
        raise _stranger("it speaks for another authority than the one that signed it")
    return found


def import_withdrawal(state_dir: Path, data: bytes, verifier: Verifier) -> Withdrawal:
    """Checks and stores a list; durable on return. The same one again changes nothing."""
    found = signed_withdrawal(data, verifier)
    directory = state_dir / FOLDER
    make_directories(directory, 0o755)
    with locked(directory):
        write_atomic(directory / f"{found.withdrawal}.withdrawn", data, 0o644)
    return found


def withdrawal_names(state_dir: Path) -> set[str]:
    """File names of the stored lists."""
    directory = state_dir / FOLDER
    try:
        return {path.name for path in directory.iterdir() if _NAME.fullmatch(path.name)}
    except FileNotFoundError:
        return set()
    except OSError as error:
        raise translate(error, directory, "listing") from None


def read_withdrawal(state_dir: Path, name: str, verifier: Verifier) -> frozenset[str]:
    """The tickets of a stored list, its signature verified again; Refuse `tickets.*`."""
    found = signed_withdrawal(read_batch_file(state_dir / FOLDER / name), verifier)
    if name != f"{found.withdrawal}.withdrawn":
        raise withdrawal_v1.bad("the file's name says another one")
    return frozenset(found.tickets)


def withdrawn(state_dir: Path, verifier: Verifier) -> tuple[frozenset[str], tuple[str, ...]]:
    """All withdrawn tickets, and what is wrong with lists that are not used."""
    tickets: set[str] = set()
    problems = []
    for name in sorted(withdrawal_names(state_dir)):
        try:
            tickets |= read_withdrawal(state_dir, name, verifier)
        except Refuse as error:
            problems.append(f"{name}: {error.text} [{error.code}]")
    return frozenset(tickets), tuple(problems)


def _stranger(why: str) -> Refuse:
    return Refuse(
        "tickets.stranger",
        f"this list is a stranger's: {why}",
        "import lists of the authority whose verifier key is in [tickets]; never change it for a file",
    )
