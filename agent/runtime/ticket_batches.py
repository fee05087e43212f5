"""Ticket batches at the box's door and in its state directory.

Guarantees: only a batch that the configured authority signed, for this box, that has not expired and is
not there already, is stored; a stored batch is durable and keeps the bytes that came. Refusals: the
codes of docs/formats/tickets-v1.md, nothing stored. Leaves out which tickets are spent (`tickets.py`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from agent.formats import tickets_v1
from agent.formats.tickets_v1 import MAX_BATCH, Batch
from agent.host.directory_lock import locked
from agent.host.files import make_directories, translate, write_atomic
from agent.ledger.signing import Verifier
from agent.model.errors import Refuse
from agent.seal import suites

FOLDER = "tickets"
_NAME = re.compile(r"([0-9]{6,12})-([0-9a-f-]{36})\.tickets")


def signed_batch(data: bytes, verifier: Verifier) -> Batch:
    """The batch, when the authority of `verifier` signed these bytes."""
    if len(data) > MAX_BATCH:
        raise Refuse("tickets.too-large", f"more than {MAX_BATCH} bytes", "ask for smaller batches")
    try:
        note = verifier.verify(data, MAX_BATCH)
    except Refuse as error:
        if error.code == "note.unsigned":
            raise _stranger("no signature of it by the configured authority") from None
        if error.code == "note.forged":
            raise Refuse(
                "tickets.forged",
                "the authority's signature does not fit: the batch was changed",
                "do not use this file; get it again from the key authority and find out who changed it",
            ) from None
        raise tickets_v1.bad("no signed note") from None
    batch = tickets_v1.decode(note.text)
    if batch.authority != verifier.name:
        raise _stranger("it speaks for another authority than the one that signed it")
    return batch


def _stranger(why: str) -> Refuse:
    return Refuse(
        "tickets.stranger",
        f"this batch is a stranger's: {why}",
        "import batches of the authority whose verifier key is in [tickets]; never change it for a file",
    )


def check_batch(data: bytes, verifier: Verifier, box: str, wall_ns: int) -> Batch:
    """The batch in `data`, when this box may use it now or later."""
    batch = signed_batch(data, verifier)
    if box not in batch.boxes:
        raise Refuse(
            "tickets.other-box",
            "this batch is for other boxes",
            "ask the key authority for a batch with this box in its scope",
        )
    if batch.not_after_ns <= wall_ns:
        raise Refuse(
            "tickets.expired",
            "this batch has expired",
            "ask for a new batch; if it should be valid, check this computer's clock",
        )
    suite = suites.by_name(batch.suite)
    for number, ticket in enumerate(batch.tickets):
        try:
            fits = suites.by_recipient(ticket.recipient) is suite
        except Refuse:
            fits = False
        if not fits:
            raise tickets_v1.bad(f"ticket number {number} is no public key of {batch.suite}")
    return batch


def stored_names(state_dir: Path) -> list[tuple[int, str]]:
    """Import number and file name of each stored batch, in the order of import."""
    directory = state_dir / FOLDER
    try:
        names = [path.name for path in directory.iterdir()]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise translate(error, directory, "listing") from None
    found = [match for name in names if (match := _NAME.fullmatch(name))]
    return sorted((int(match.group(1)), match.group(0)) for match in found)


def read_stored(state_dir: Path, name: str, verifier: Verifier) -> Batch:
    """A stored batch, its signature verified again, and that it is the one that its name says."""
    batch = signed_batch(read_batch_file(state_dir / FOLDER / name), verifier)
    if not name.endswith(f"-{batch.batch}.tickets"):
        raise tickets_v1.bad("the file's name says another one")
    return batch


def _readable(state_dir: Path, verifier: Verifier) -> Iterator[Batch]:
    """The stored batches that are good. One that was damaged must not keep a new one out."""
    for _, name in stored_names(state_dir):
        with suppress(Refuse):
            yield read_stored(state_dir, name, verifier)


def read_batch_file(path: Path) -> bytes:
    """At most one byte more than a batch may have."""
    try:
        with path.open("rb") as stream:
            return stream.read(MAX_BATCH + 1)
    except OSError as error:
        raise Refuse(
            "tickets.unreadable", f"{path} can't be read: {error.strerror}", "check its path and owner"
        ) from None


def import_batch(state_dir: Path, data: bytes, verifier: Verifier, box: str, wall_ns: int) -> Batch:
    """Checks and stores a batch; durable on return."""
    batch = check_batch(data, verifier, box, wall_ns)
    directory = state_dir / FOLDER
    make_directories(directory, 0o755)  # root may import: nothing in a batch is secret
    with locked(directory):  # one import at a time; the agent only reads
        mine = {one.id for one in batch.tickets} | {one.recipient for one in batch.tickets}
        for other in _readable(state_dir, verifier):
            if other.batch == batch.batch:
                raise Refuse(
                    "tickets.replayed",
                    "this batch was imported before",
                    "nothing to do: its tickets are there",
                )
            if any(one.id in mine or one.recipient in mine for one in other.tickets):
                raise tickets_v1.duplicate("an id or a recipient is in a batch that this box has")
        number = max((number for number, _ in stored_names(state_dir)), default=0) + 1
        write_atomic(directory / f"{number:06d}-{batch.batch}.tickets", data, 0o644)
    return batch
