"""Executing destructions and evictions step by step: remove, discard, verify, result leaf, certificate.

Guarantees: one call of `step` does a bounded piece of work, so the keeper's loop stays alive; a stop at any
point is made good by the next boot (docs/formats/destruction-v1.md, Executing): what was begun ends in the
same state. No certificate when a step failed or files are left. A failure of the disk is an alarm and is
tried again a minute later; one of the ledger stops the keeper.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from enum import Enum, auto
from pathlib import Path

from agent.formats.certificate_v1 import MAX_CERTIFICATE, encode_certificate
from agent.formats.ledger_v1 import LeafType
from agent.host.files import make_directories, write_atomic
from agent.host.medium import Trimmed
from agent.model.errors import AgentError, Halt, Refuse
from agent.model.outgoing import Json
from agent.model.times import NS_PER_S
from agent.runtime.disposal_authority import DestroyedNote, records_for
from agent.runtime.disposal_certificate import make_certificate
from agent.runtime.disposal_context import CERTIFICATES, RECORDS, DisposalContext
from agent.vault.disposal import Request
from agent.vault.removal import left_of, remove_some

FILES_PER_STEP = 64
TRY_AGAIN_NS = 60 * NS_PER_S


class _Phase(Enum):
    REMOVE = auto()
    DISCARD = auto()
    VERIFY = auto()


class Execution:
    """One request that was begun. Lives until its certificate is in the ledger."""

    def __init__(self, context: DisposalContext, request: Request) -> None:
        self._context = context
        self.request = request
        self._phase = _Phase.REMOVE
        self._left = list(request.recordings)
        self._trimming_since_ns: int | None = None
        self._trimmed: Trimmed | None = None

    @property
    def waiting(self) -> bool:
        """True while the discard runs: there is nothing to do but to look again later."""
        return self._phase is _Phase.DISCARD and self._trimming_since_ns is not None

    def step(self) -> bool:
        """One piece of work. True when the certificate is in the ledger. Raises `AgentError`."""
        if self.request.result is None:
            self._destroy()
        elif self.request.certified is None:
            self._certify()
        return self.request.certified is not None

    def _destroy(self) -> None:
        match self._phase:
            case _Phase.REMOVE:
                if self._left and remove_some(
                    self._context.vault, self._left[-1], self._context.disk, FILES_PER_STEP
                ):
                    self._left.pop()
                if not self._left:
                    self._phase = _Phase.DISCARD
            case _Phase.DISCARD:
                self._discard()
            case _Phase.VERIFY:
                self._verify()

    def _discard(self) -> None:
        now_ns = self._context.clock.mono_ns()
        if self._trimming_since_ns is None:
            self._trimming_since_ns = now_ns
            self._context.trim.start(self._context.vault)
        self._trimmed = self._context.trim.result((now_ns - self._trimming_since_ns) / NS_PER_S)
        if self._trimmed is not None:
            self._phase = _Phase.VERIFY

    def _verify(self) -> None:
        request, context = self.request, self._context
        left = left_of(context.vault, request.recordings)
        if left or self._trimmed is None:
            self._phase, self._left = _Phase.REMOVE, list(left)
            self._trimming_since_ns = self._trimmed = None
            raise Halt(
                "destroy.not-verified",
                f"of {len(left)} recordings files are still there after they were removed",
                "find out who writes into the vault; the agent removes them again",
            )
        recordings = [context.account.recordings[name] for name in request.recordings]
        body: dict[str, Json] = {
            "request": request.id,
            "phase": "result",
            "recordings": len(recordings),
            "segments": sum(one.segments for one in recordings),
            "size_bytes": sum(one.size_bytes for one in recordings),
            "discard": {"done": self._trimmed.done, "text": self._trimmed.text},
            "verification": "files-absent",
        }
        context.enter(LeafType.DESTROY_EXECUTED, body)

    def _certify(self) -> None:
        """File first, then its leaf: a file that no leaf names is no certificate and is written anew."""
        context, request = self._context, self.request
        left = left_of(context.vault, request.recordings)
        if left:
            raise Halt(
                "destroy.not-verified",
                f"files of {len(left)} destroyed recordings are in the vault again",
                "find out who put them there, and move them away",
            )
        notes = stored_notes(context, request)
        certificate = make_certificate(context, request, notes, context.clock.now())
        data = context.key.sign_note(encode_certificate(certificate), MAX_CERTIFICATE)
        path = certificate_path(context.state_dir, request.id)
        make_directories(path.parent, 0o750)
        write_atomic(path, data, 0o640)
        body: dict[str, Json] = {
            "request": request.id,
            "certificate_sha256": hashlib.sha256(data).hexdigest(),
            "method": certificate.sanitization.method.value,
            "recordings": len(request.recordings),
        }
        context.enter(LeafType.DESTROY_CERTIFIED, body)


class Executor:
    """Everything that was begun and is not at its end: destructions, and evictions that were stopped.

    What fails waits a minute; meanwhile everything else goes on.
    """

    def __init__(self, context: DisposalContext) -> None:
        self._context = context
        self._running: dict[str, Execution] = {}
        # By the id of the recording that is evicted, or of the request.
        self._failed_until_ns: dict[str, int] = {}
        self._evicted: list[str] = []

    def resume(self) -> None:
        """At boot: finds what an earlier run left half done."""
        account = self._context.refresh()
        if account.problems:
            self._context.alarm(
                "destroy.contradiction",
                "critical",
                f"the ledger contradicts itself in {len(account.problems)} leaves: {account.problems[0]}",
                "run edgeward verify; what contradicts changes nothing",
            )
        evicted = [one.id for one in account.recordings.values() if one.evicted_leaf is not None]
        self._evicted = list(left_of(self._context.vault, evicted))

    def evict(self, recordings: Sequence[str]) -> None:
        """These are to be removed; their leaf is written."""
        self._evicted += recordings

    @property
    def evicting(self) -> bool:
        """True while files of evicted recordings are left."""
        return bool(self._evicted)

    def work(self) -> bool:
        """One step of the first thing to do. True when it went well and there may be more to do at once."""
        context, now_ns = self._context, self._context.clock.mono_ns()
        work = [*self._evicted, *(request.id for request in context.refresh().unfinished())]
        name = next((one for one in work if self._failed_until_ns.get(one, 0) <= now_ns), None)
        if name is None:
            return False
        try:
            waiting = self._step(name)
        except AgentError as error:
            if error.code.startswith("ledger."):
                raise
            self._failed_until_ns[name] = context.clock.mono_ns() + TRY_AGAIN_NS
            context.alarm(
                "destroy.failed", "critical", f"{error.text} [{error.code}]: no certificate yet", error.advice
            )
            return True
        self._failed_until_ns.pop(name, None)
        if not self._failed_until_ns:
            context.book.close_alarms("_", "destroy.failed")
        return not waiting

    def retry(self) -> None:
        """Somebody asked: try now what failed."""
        self._failed_until_ns = dict.fromkeys(self._failed_until_ns, 0)

    def _step(self, name: str) -> bool:
        """One step; True when it has to wait."""
        if name in self._evicted:
            if remove_some(self._context.vault, name, self._context.disk, FILES_PER_STEP):
                self._evicted.remove(name)
            return False
        request = self._context.account.requests[name]
        execution = self._running.setdefault(name, Execution(self._context, request))
        if execution.step():
            del self._running[name]
            return False
        return execution.waiting


def certificate_path(state_dir: Path, request: str) -> Path:
    """Where a certificate is kept."""
    return state_dir / CERTIFICATES / f"{request}.note"


def store_notes(context: DisposalContext, request: str, notes: Sequence[DestroyedNote]) -> None:
    """Keeps the authority's notes for the certificate; durable."""
    path = context.state_dir / RECORDS / f"{request}.json"
    make_directories(path.parent, 0o750)
    write_atomic(path, json.dumps([one.note for one in notes]).encode(), 0o640)


def stored_notes(context: DisposalContext, request: Request) -> tuple[DestroyedNote, ...]:
    """The notes whose hashes the intent leaf holds; Halt `destroy.records-lost`."""
    wanted = request.intent_body["authority_records"]
    if not wanted:
        return ()
    tickets = {context.account.recordings[name].ticket for name in request.recordings} - {None}
    try:
        found = json.loads((context.state_dir / RECORDS / f"{request.id}.json").read_bytes())
        notes = records_for({str(one) for one in tickets}, [str(one) for one in found], context.authority)
    except (OSError, ValueError, Refuse) as error:
        raise _lost(error.text if isinstance(error, Refuse) else "they can't be read") from None
    if [one.sha256 for one in notes] != wanted:
        raise _lost("they are not those that the ledger names")
    return notes


def _lost(why: str) -> Halt:
    return Halt(
        "destroy.records-lost",
        f"the authority's records of this destruction are not in the state directory: {why}",
        "give them again: edgeward destroy execute REQUEST --record FILE",
    )
