"""The texts of a destruction: the challenge before it and the certificate after it.

Guarantees: everything comes from the ledger, from the authority's notes whose hashes the ledger holds, or
from the medium as the kernel describes it; the method is the weakest of the recordings' methods; what is not
claimed is listed. Leaves out the steps between (`disposal_execution.py`) and writing files.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from agent import __version__
from agent.formats import certificate_v1 as v1
from agent.formats.certificate_v1 import After, Limit, Method
from agent.formats.ledger_v1 import encode_leaf
from agent.host.medium import Medium, medium_of
from agent.ledger.log import Ledger
from agent.model.outgoing import Json
from agent.model.times import ClockQuality, Instant, rfc3339
from agent.runtime.disposal_authority import DestroyedNote
from agent.runtime.disposal_context import DisposalContext
from agent.vault.disposal import DisposalAccount, Recording, Request


def method_of(one: Recording) -> Method:
    """Purge only by a ticket that is destroyed at the authority; unlinking alone is no more than clear."""
    return Method.CLEAR if one.ticket is None else Method.PURGE


def weakest(recordings: Iterable[Recording]) -> Method:
    """What may be said of all of them together."""
    return Method.CLEAR if any(one.ticket is None for one in recordings) else Method.PURGE


def challenge(box: str, body: Mapping[str, Json], recordings: Sequence[Recording]) -> str:
    """What the approvers agree to. `body` is that of the leaf `destroy-requested`; its hash is not used."""
    asked = {
        "request": body["request"],
        "box": box,
        "recordings": [_challenged(one) for one in recordings],
        **{
            key: body[key]
            for key in (
                "requested_by", "reason", "ground", "without_ticket", "approvals_needed", "expires",
                "ledger_size", "ledger_root",
            )
        },
    }  # fmt: skip
    return v1.encode_challenge(v1.Challenge.model_validate(asked))


def challenge_of(request: Request, account: DisposalAccount, box: str) -> str:
    """The same again, later, from the ledger alone."""
    return challenge(box, request.body, [account.recordings[name] for name in request.recordings])


def make_certificate(
    context: DisposalContext, request: Request, notes: Sequence[DestroyedNote], now: Instant
) -> v1.Certificate:
    """The certificate of a request whose result leaf is written and under the newest checkpoint."""
    recordings = [context.account.recordings[name] for name in request.recordings]
    medium = medium_of(context.vault)
    discard = request.result_body["discard"]
    if not isinstance(discard, dict):
        raise ValueError("the result leaf says nothing of the discard")
    method = weakest(recordings)
    purged = method is Method.PURGE
    return v1.Certificate(
        certificate=request.id,
        box=context.box,
        made=rfc3339(now.wall_ns),
        clock=now.quality.value,
        reason=str(request.body["reason"]),
        ground="court-or-ethics" if request.body["ground"] == "court-or-ethics" else "retention",
        medium=_medium(medium),
        confidentiality=v1.Confidentiality(
            before=max(one.level for one in recordings),
            after=After.NOBODY if purged else After.CUSTODIANS_WITH_COPIES,
        ),
        sanitization=v1.Sanitization(
            method=method,
            technique="cryptographic-erase-and-unlink" if purged else "unlink",
            tool="edgeward",
            version=__version__,
            discard=v1.Discard(done=discard["done"] is True, text=str(discard["text"])),
            verification="files-absent",
            verified_recordings=len(recordings),
        ),
        recordings=[_certified(one) for one in recordings],
        people=_people(request),
        authority=[
            v1.AuthorityRecord(authority=one.authority, sha256=one.sha256, note=one.note) for one in notes
        ],
        copies=v1.Copies(replication="not-built", known=[]),
        ledger=_proof(context.ledger, request, context.book_checkpoint()),
        limits=_limits(recordings, medium, now, discarded=discard["done"] is True),
    )


def _limits(recordings: Sequence[Recording], medium: Medium, now: Instant, *, discarded: bool) -> list[Limit]:
    found = [Limit.MEDIUM_NOT_SANITIZED, Limit.LEDGER_KEPT, Limit.ABSENCE_ONLY, Limit.NO_REPLICAS_KNOWN]
    found.append(Limit.GIVEN_OUT_BEFORE)
    if any(one.ticket is not None for one in recordings):
        found.append(Limit.EPOCH_KEY)
    if any(one.ticket is None for one in recordings):
        found.append(Limit.COPIES_READABLE)
    if medium.kind != "magnetic":
        found.append(Limit.FLASH_KEEPS_CELLS)
    if not discarded:
        found.append(Limit.NO_DISCARD)
    if None in (medium.maker, medium.model, medium.serial, medium.kind):
        found.append(Limit.MEDIUM_UNKNOWN)
    if now.quality is not ClockQuality.SYNCED:
        found.append(Limit.CLOCK_NOT_SYNCED)
    return found


def _challenged(one: Recording) -> dict[str, Json]:
    return {
        "recording": one.id,
        "level": one.level,
        "segments": one.segments,
        "size_bytes": one.size_bytes,
        "root": one.root,
        "ticket": one.ticket,
    }


def _certified(one: Recording) -> v1.CertifiedRecording:
    return v1.CertifiedRecording(
        recording=one.id,
        level=one.level,
        segments=one.segments,
        size_bytes=one.size_bytes,
        root=one.root or "",
        ticket=one.ticket,
        channel=one.channel,
        opened=one.opened_at,
        closed=one.closed_at or "",
        opened_leaf=one.opened_leaf,
        closed_leaf=-1 if one.closed_leaf is None else one.closed_leaf,
        method=method_of(one),
    )


def _people(request: Request) -> v1.People:
    executed = request.intent_body["executed_by"]
    title, place = request.intent_body["title"], request.intent_body["place"]
    return v1.People(
        requested_by=list(request.requesters),
        approved_by=[
            v1.Approval(name=name, at=request.approved_at[name], leaf=leaf)
            for name, leaf in request.approvals.items()
        ],
        executed_by=[str(name) for name in executed] if isinstance(executed, list) else [],
        title=title if isinstance(title, str) else None,
        place=place if isinstance(place, str) else None,
    )


def _medium(medium: Medium) -> v1.Medium:
    return v1.Medium.model_validate(
        {
            "maker": medium.maker,
            "model": medium.model,
            "serial": medium.serial,
            "kind": medium.kind,
            "removable": medium.removable,
            "file_system": medium.file_system,
            "discards_on_unlink": medium.discards_on_unlink,
        }
    )


def _proof(ledger: Ledger, request: Request, checkpoint: str) -> v1.LedgerProof:
    """The leaves of the destruction with their paths, in the log as it is at this moment."""
    intent, result = request.intent, request.result
    if intent is None or result is None:
        raise ValueError("nothing is certified before its result is in the ledger")
    approved = list(dict.fromkeys(request.approvals.values()))
    indices = sorted({request.leaf, *approved, intent, result})
    return v1.LedgerProof(
        checkpoint=checkpoint,
        size=ledger.size,
        root=ledger.root().hex(),
        requested=request.leaf,
        approved=approved,
        intent=intent,
        result=result,
        leaves=[
            v1.ProvenLeaf(
                index=index,
                leaf=encode_leaf(next(iter(ledger.leaves(index)))).decode("utf-8"),
                path=[node.hex() for node in ledger.inclusion_proof(index)],
            )
            for index in indices
        ],
    )
