"""Cosignatures of checkpoints (c2sp.org/tlog-cosignature, Ed25519, `cosignature/v1`).

Guarantees: `verified` gives only what the given witness signed, with the time it said; a cosigned note
keeps the log's own signature and text byte for byte. Leaves out whether the checkpoint is consistent with
anything (`witness.py`) and whether its time is fresh: the caller compares it with a clock it trusts.
"""

from __future__ import annotations

from dataclasses import dataclass

from agent.formats import signed_note
from agent.formats.signed_note import COSIGNATURE, Note, Signature
from agent.ledger import checkpoint as checkpoints
from agent.ledger.checkpoint import Checkpoint
from agent.ledger.signing import SigningKey, Verifier
from agent.model.errors import Refuse

_TIME_BYTES = 8
_SIGNATURE_BYTES = 64
_MAX_TIME = (1 << 63) - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class CosignedHead:
    """A head that a witness signed `at_s` seconds after 1970. `note` is the whole signed note."""

    head: Checkpoint
    witness: str
    at_s: int
    note: bytes


def message(text: str, at_s: int) -> bytes:
    """What a witness signs: `text` is the checkpoint's whole text with its last newline."""
    return f"cosignature/v1\ntime {at_s}\n{text}".encode()


def cosign(note: Note, key: SigningKey, at_s: int) -> bytes:
    """`note` with a cosignature of `key` at its end; an older one of the same key is replaced.

    ValueError when the key is not a witness's. The caller has checked everything that it thereby states.
    """
    if key.kind != COSIGNATURE:
        raise ValueError("only a witness's key cosigns")
    value = at_s.to_bytes(_TIME_BYTES, "big") + key.sign(message(note.text, at_s))
    line = Signature(name=key.name, key_id=key.key_id, value=value)
    others = tuple(s for s in note.signatures if (s.name, s.key_id) != (key.name, key.key_id))
    return signed_note.encode(Note(text=note.text, signatures=(*others, line)))


def verified(note: bytes, witness: Verifier, origin: str) -> CosignedHead:
    """The head in `note`; Refuse `note.*` or `checkpoint.*` unless `witness` cosigned it for `origin`."""
    if witness.kind != COSIGNATURE:
        raise ValueError("this verifier is not a witness's")
    parsed = signed_note.parse(note)
    newest = 0
    for line in witness.signatures(parsed):
        at_s = int.from_bytes(line.value[:_TIME_BYTES], "big")
        if len(line.value) != _TIME_BYTES + _SIGNATURE_BYTES or at_s > _MAX_TIME:
            advice = "get the note again from the witness"
            raise Refuse("note.forged", f"a cosignature of {witness.name} has a wrong form", advice)
        witness.check(message(parsed.text, at_s), line.value[_TIME_BYTES:])
        newest = max(newest, at_s)
    head = checkpoints.parse(parsed.text)
    if head.origin != origin:
        text = f"this checkpoint belongs to {head.origin}, not to {origin}"
        raise Refuse("checkpoint.other-log", text, "use the checkpoint of this box")
    return CosignedHead(head=head, witness=witness.name, at_s=newest, note=note)
