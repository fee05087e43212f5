"""Checks a certificate of destruction with public keys only: off line, without vault, box or authority.

Guarantees: everything that the certificate says of the request, its approvals and the execution is compared
with ledger leaves that are proven under the box's signed checkpoint, and each purge with a note that the
authority signed; what was not checked for want of a key is named. Leaves out the world: that files are gone
is what the box found. The keys must come from somewhere else than the box.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from agent.formats import certificate_v1 as v1
from agent.formats.certificate_v1 import MAX_CERTIFICATE, After, Certificate, Method
from agent.formats.ledger_v1 import Leaf, LeafType, decode_leaf, origin
from agent.ledger.check import read_leaves
from agent.ledger.checkpoint import verified
from agent.ledger.signing import Verifier
from agent.ledger.tree import leaf_hash, verify_inclusion
from agent.model.errors import Refuse
from agent.model.outgoing import Json
from agent.runtime.disposal_authority import read_destroyed
from agent.vault.layout import LEDGER


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateCheck:
    """`ok` when nothing contradicts; `unchecked` names what no key was given for."""

    ok: bool
    certificate: Certificate
    sha256: str
    problems: tuple[str, ...]
    unchecked: tuple[str, ...]


def check_certificate(
    data: bytes, box: Verifier, authority: Verifier | None, vault: Path | None = None
) -> CertificateCheck:
    """Refuse `note.*` when the box's key did not sign it, `certificate.bad` when it is none.

    With `vault` also: the vault's ledger names this very certificate.
    """
    certificate = v1.decode_certificate(box.verify(data, MAX_CERTIFICATE).text)
    sha256 = hashlib.sha256(data).hexdigest()
    problems = [*_box(certificate, box), *_limits(certificate)]
    leaves: dict[int, Leaf] = {}
    problems += _proofs(certificate, box, leaves)
    if not problems:
        problems += _request(certificate, leaves)
        problems += _approvals(certificate, leaves)
        problems += _execution(certificate, leaves)
    unchecked = (
        [] if vault is not None else ["that the box's ledger names this very certificate: give the vault"]
    )
    problems += _authority(certificate, authority)
    if authority is None and certificate.authority:
        unchecked.append("the authority's signatures: give its signing.vkey")
    if vault is not None:
        problems += _named_in(vault, certificate.certificate, sha256)
    return CertificateCheck(
        ok=not problems,
        certificate=certificate,
        sha256=sha256,
        problems=tuple(problems),
        unchecked=tuple(unchecked),
    )


def _box(certificate: Certificate, box: Verifier) -> Iterator[str]:
    if box.name != origin(certificate.box):
        yield f"it speaks of box {certificate.box}, and {box.name} signed it"


def _limits(certificate: Certificate) -> Iterator[str]:
    """What it must not leave unsaid."""
    methods = {one.method for one in certificate.recordings}
    if any((one.method is Method.PURGE) != (one.ticket is not None) for one in certificate.recordings):
        yield "a recording's method does not fit its ticket"
    weakest = Method.CLEAR if Method.CLEAR in methods else Method.PURGE
    if certificate.sanitization.method is not weakest:
        yield f"it claims {certificate.sanitization.method.value}, and its recordings allow {weakest.value}"
    fitting = {
        Method.PURGE: ("cryptographic-erase-and-unlink", After.NOBODY),
        Method.CLEAR: ("unlink", After.CUSTODIANS_WITH_COPIES),
    }[weakest]
    if (certificate.sanitization.technique, certificate.confidentiality.after) != fitting:
        yield "its technique and its end do not fit its method"
    if certificate.sanitization.verified_recordings != len(certificate.recordings):
        yield "not all of its recordings were verified"
    if v1.Limit.COPIES_READABLE not in certificate.limits and Method.CLEAR in methods:
        yield "it does not say that copies stay readable"


def _proofs(certificate: Certificate, box: Verifier, leaves: dict[int, Leaf]) -> Iterator[str]:
    ledger = certificate.ledger
    try:
        head = verified(ledger.checkpoint.encode("utf-8"), box, box.name)
    except Refuse as error:
        yield f"its checkpoint: {error.text}"
        return
    if (head.size, head.root.hex()) != (ledger.size, ledger.root):
        yield "its checkpoint has another size or root than it says"
    for one in ledger.leaves:
        entry = one.leaf.encode("utf-8")
        path = [bytes.fromhex(node) for node in one.path]
        if not verify_inclusion(leaf_hash(entry), one.index, head.size, path, head.root):
            yield f"leaf {one.index} is not under the checkpoint"
            continue
        try:
            leaf = decode_leaf(entry)
        except Refuse as error:
            yield f"leaf {one.index}: {error.text}"
            continue
        if (leaf.n, leaf.box) != (one.index, certificate.box):
            yield f"leaf {one.index} says that it is another one"
        if leaf.body.get("request") != certificate.certificate:
            yield f"leaf {one.index} speaks of another request"
        leaves[one.index] = leaf
    wanted = {ledger.requested, *ledger.approved, ledger.intent, ledger.result}
    if wanted != set(leaves):
        yield "it does not prove each of its leaves"


def _of(leaves: Mapping[int, Leaf], index: int, kind: LeafType) -> Mapping[str, Json]:
    """The body of the leaf; empty, so that every comparison fails, when it is of another type."""
    leaf = leaves[index]
    return leaf.body if leaf.type is kind else {}


def _request(certificate: Certificate, leaves: Mapping[int, Leaf]) -> Iterator[str]:
    """The challenge is made again from what the certificate says, and must be the one in the leaf."""
    body = _of(leaves, certificate.ledger.requested, LeafType.DESTROY_REQUESTED)
    try:
        text = v1.encode_challenge(
            v1.Challenge.model_validate(
                {
                    "request": certificate.certificate,
                    "box": certificate.box,
                    "requested_by": certificate.people.requested_by,
                    "reason": certificate.reason,
                    "ground": certificate.ground,
                    "recordings": [
                        one.model_dump(include=set(v1.ChallengedRecording.model_fields))
                        for one in certificate.recordings
                    ],
                    **{key: body[key] for key in ("without_ticket", "approvals_needed", "expires")},
                    **{key: body[key] for key in ("ledger_size", "ledger_root")},
                }
            )
        )
    except (KeyError, ValueError):
        yield "its request leaf is none"
        return
    if v1.challenge_sha256(text) != body.get("challenge_sha256"):
        yield "what was asked for is not what it certifies: other recordings, tickets, reason or people"


def _approvals(certificate: Certificate, leaves: Mapping[int, Leaf]) -> Iterator[str]:
    request = _of(leaves, certificate.ledger.requested, LeafType.DESTROY_REQUESTED)
    found: dict[str, int] = {}
    for index in certificate.ledger.approved:
        body = _of(leaves, index, LeafType.DESTROY_APPROVED)
        names = body.get("approvers")
        if body.get("challenge_sha256") != request.get("challenge_sha256") or not isinstance(names, list):
            yield f"leaf {index} approves something else"
            continue
        found |= {str(name): index for name in names}
    if found != {one.name: one.leaf for one in certificate.people.approved_by}:
        yield "its approvers are not those of the ledger"
    if set(found) & set(certificate.people.requested_by):
        yield "who asked for it approved it"
    strict = certificate.ground == "court-or-ethics" or certificate.confidentiality.before >= 5
    needed = 3 if strict else 2
    if len(found) < needed:
        yield f"{len(found)} approvals, and {needed} are needed"
    if certificate.confidentiality.before != max(one.level for one in certificate.recordings):
        yield "its level is not the highest of its recordings"


def _execution(certificate: Certificate, leaves: Mapping[int, Leaf]) -> Iterator[str]:
    intent = _of(leaves, certificate.ledger.intent, LeafType.DESTROY_EXECUTED)
    result = _of(leaves, certificate.ledger.result, LeafType.DESTROY_EXECUTED)
    if (intent.get("phase"), result.get("phase")) != ("intent", "result"):
        yield "its execution is not in the ledger"
        return
    last = max([certificate.ledger.requested, *certificate.ledger.approved])
    if not last < certificate.ledger.intent < certificate.ledger.result:
        yield "it was executed before it was approved"
    if intent.get("executed_by") != certificate.people.executed_by:
        yield "it was executed by somebody else"
    if (intent.get("title"), intent.get("place")) != (certificate.people.title, certificate.people.place):
        yield "the ledger says another title or place"
    if intent.get("authority_records") != [one.sha256 for one in certificate.authority]:
        yield "the authority's records are not those of the ledger"
    discard = certificate.sanitization.discard
    if result.get("discard") != {"done": discard.done, "text": discard.text}:
        yield "the ledger says something else of the discard"
    if result.get("verification") != certificate.sanitization.verification:
        yield "the ledger says something else of the verification"


def _authority(certificate: Certificate, authority: Verifier | None) -> Iterator[str]:
    """Every purge needs a signed note of type `destroyed`; without a key only hashes are compared."""
    destroyed: set[str] = set()
    for one in certificate.authority:
        if hashlib.sha256(one.note.encode("utf-8")).hexdigest() != one.sha256:
            yield "an authority's record does not have its hash"
        if authority is not None:
            try:
                destroyed |= read_destroyed(one.note, authority).tickets
            except Refuse as error:
                yield f"an authority's record: {error.text}"
        else:
            destroyed |= _unsigned_tickets(one.note)
    for recording in certificate.recordings:
        if recording.method is Method.PURGE and recording.ticket not in destroyed:
            yield f"no record says that the ticket of recording {recording.recording} is destroyed"


def _unsigned_tickets(note: str) -> set[str]:
    try:
        found = json.loads(note.split("\n", 1)[0])["body"]["tickets"]
        return {str(one) for one in found}
    except (ValueError, KeyError, TypeError, RecursionError):
        return set()


def _named_in(vault: Path, request: str, sha256: str) -> Iterator[str]:
    named = [
        leaf.body.get("certificate_sha256")
        for leaf in read_leaves(vault / LEDGER)
        if leaf.type is LeafType.DESTROY_CERTIFIED and leaf.body.get("request") == request
    ]
    if named != [sha256]:
        yield "the vault's ledger does not name this very certificate"
