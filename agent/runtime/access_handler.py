"""The command `access.record`: an opening that a tool on this computer is about to make, in the ledger.

Guarantees: the leaf `opened-by` is durable before the answer, so before the first byte of plaintext. Leaves
out the tool's side (`access_records.py`, which loads the media library and is not for the keeper).
"""

from __future__ import annotations

from collections.abc import Mapping

from agent.formats import access_record_v1
from agent.formats.ledger_v1 import LeafType
from agent.model.commands import Command
from agent.model.errors import Refuse
from agent.model.outgoing import Json
from agent.runtime.book import Book


def handle_access_record(book: Book, command: Command) -> Mapping[str, Json]:
    """The command `access.record`: writes the leaf `opened-by`. Refuse `access.bad`, `access.version`.

    The same command twice writes two leaves of one `access` id: an auditor counts ids.
    """
    record = access_record_v1.from_args(command.args)
    if record.who.key is not None:
        raise Refuse(
            "access.bad",
            "not an access record for the ledger: it names a key, and nothing in it is signed",
            "leave who.key out: the ledger says who signed the command, or which user asked at the door",
        )
    leaf = book.leaf(
        LeafType.OPENED_BY,
        {**record.model_dump(mode="json"), "cmd_id": command.id},
        checkpoint=True,
        actor=",".join(command.signers)[:200] or "unknown",
        authority=f"command:{command.id}",
    )
    return {"access": record.access, "leaf": leaf}
