"""Proofs that a leaf is in the ledger, as c2sp.org/tlog-proof text that anybody checks off line.

Guarantees: `encode` gives the one text of a proof, `parse` reads it back; `check` answers only what the
given keys say. The leaf itself travels in the line `extra`, so that a proof is complete: it is not trusted
but hashed. The caller must get the keys from a source other than the proof.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass

from agent.formats.ledger_v1 import HASH, Leaf, decode_leaf
from agent.formats.signed_note import strict_base64
from agent.ledger import checkpoint as checkpoints
from agent.ledger import cosignature, tree
from agent.ledger.checkpoint import Checkpoint
from agent.ledger.reader import LogReader
from agent.ledger.signing import Verifier
from agent.model.errors import Refuse

_FIRST = "c2sp.org/tlog-proof@v1"
_INDEX = re.compile(r"index (0|[1-9][0-9]{0,18})")
_MAX_PATH = 63


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """`entry` are the leaf's bytes, `note` the checkpoint with all its signatures."""

    entry: bytes
    index: int
    path: tuple[bytes, ...]
    note: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Proven:
    """What a proof shows: this leaf is in this tree, which these witnesses have cosigned."""

    leaf: Leaf
    head: Checkpoint
    witnesses: tuple[str, ...]


def _bad(why: str) -> Refuse:
    return Refuse("proof.bad", f"not a proof of a ledger leaf: {why}", "make it again: edgeward ledger prove")


def _base64(data: bytes) -> str:
    return b64encode(data).decode("ascii")


def encode(proof: Proof) -> bytes:
    """The text of a `.tlog-proof` file."""
    lines = [_FIRST, f"extra {_base64(proof.entry)}", f"index {proof.index}", *map(_base64, proof.path)]
    return "\n".join(lines).encode() + b"\n\n" + proof.note


def parse(data: bytes) -> Proof:
    """The proof in `data`, not checked yet; Refuse `proof.bad`."""
    head, blank, note = data.partition(b"\n\n")
    try:
        first, *lines = head.decode("ascii").split("\n")
    except UnicodeDecodeError as error:
        raise _bad("it is not text") from error
    if first != _FIRST or not blank or len(lines) < 2:
        raise _bad("it does not begin like one")
    extra, index, *steps = lines
    found = _INDEX.fullmatch(index)
    if not extra.startswith("extra ") or found is None or len(steps) > _MAX_PATH:
        raise _bad("no leaf in it, no index, or a path that is too long")
    try:
        entry = strict_base64(extra.removeprefix("extra "))
        path = tuple(strict_base64(step) for step in steps)
    except ValueError as error:
        raise _bad("it has a line that is not base64") from error
    if any(len(step) != HASH for step in path):
        raise _bad("a step of the path is not a SHA-256 hash")
    return Proof(entry=entry, index=int(found[1]), path=path, note=note)


def prove(reader: LogReader, index: int, note: bytes, head: Checkpoint) -> Proof:
    """The proof that leaf `index` is under `head`, which `note` spells.

    Refuse `leaf.unknown`, or `proof.other-tree` when the log does not have this head.
    """
    if reader.root_at(head.size) != head.root:
        raise Refuse("proof.other-tree", "the log is not the one of this head", "run edgeward verify")
    path = tuple(reader.inclusion_proof(index, head.size))
    return Proof(entry=reader.entry(index), index=index, path=path, note=note)


def check(proof: Proof, box: Verifier, witnesses: Sequence[Verifier] = ()) -> Proven:
    """What `proof` shows by the box's key and these witnesses' keys.

    Refuse `note.*`, `checkpoint.*`, `leaf.bad`, `proof.false` (the path does not lead to the signed root), or
    `proof.misplaced` (the leaf says another index). A witness that did not sign is not in the answer; one
    whose signature is false is Refuse `note.forged`.
    """
    head = checkpoints.verified(proof.note, box, box.name)
    leaf_hash = tree.leaf_hash(proof.entry)
    if not tree.verify_inclusion(leaf_hash, proof.index, head.size, proof.path, head.root):
        text = f"leaf {proof.index} is not in the tree of {head.size} leaves that was signed"
        raise Refuse("proof.false", text, "trust neither the leaf nor who gave the proof")
    leaf = decode_leaf(proof.entry)
    if leaf.n != proof.index:
        raise Refuse("proof.misplaced", f"leaf {leaf.n} stands at {proof.index}", "run edgeward verify")
    names = []
    for witness in witnesses:
        try:
            names.append(cosignature.verified(proof.note, witness, box.name).witness)
        except Refuse as error:
            if error.code != "note.unsigned":
                raise
    return Proven(leaf=leaf, head=head, witnesses=tuple(names))
