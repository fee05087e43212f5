"""The controller's side of the ledger: checks a box's checkpoints and cosigns them (c2sp.org/tlog-witness).

Guarantees: at most one history of each log is ever cosigned, over restarts and power losses: the new state
is durable (one file per log, replaced atomically) before the cosignature leaves `take`. What contradicts
the history is kept as evidence, and that log is cosigned no more before `reset`. Leaves out transport, and
any doubt about a box's first checkpoint: at first contact its enrolled key alone is trusted. The caller
must keep the directory on a machine that the box's root can't reach; who loses it begins at first contact.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from agent.formats import signed_note
from agent.formats.ledger_v1 import origin as origin_of
from agent.formats.witness_v1 import LogState, Paths, Sent, Stopped, decode_state, encode_state
from agent.host.directory_lock import hold
from agent.host.files import make_directories, translate, write_atomic
from agent.ledger import checkpoint as checkpoints
from agent.ledger import cosignature, tree
from agent.ledger.checkpoint import Checkpoint
from agent.ledger.signing import SigningKey, Verifier
from agent.model.errors import Halt, Refuse
from agent.model.times import NS_PER_S, Instant

FORKED, INCONSISTENT, ROLLED_BACK = "witness.forked", "witness.inconsistent", "witness.rolled-back"
CONTRADICTIONS = (FORKED, INCONSISTENT, ROLLED_BACK)
DAMAGED = "witness.state-damaged"
_LOOK = "keep the box as it is, copy its disk, compare both notes; then `edgeward witness reset`"


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """The newest head that was cosigned, and when the box said that it sent it."""

    head: Checkpoint
    sent: Sent


def judge(known: Known | None, found: Checkpoint, sent: Sent, paths: Paths) -> None:
    """Returns when `found` continues what is known; pure. `found` is signed by its box.

    Refuse with one of `CONTRADICTIONS`, or `witness.late` (a delayed message: older by its number and by
    its time, and smaller) or `witness.need-proof` (no path from the known size came with it).
    """
    if known is None:
        return
    head = known.head
    if found.size < head.size:
        if sent.seq <= known.sent.seq and sent.wall_ns <= known.sent.wall_ns:
            raise Refuse("witness.late", "a delayed older checkpoint", "nothing: a newer one is cosigned")
        text = f"size {found.size} came after size {head.size}: the box went back"
        raise Refuse("witness.rolled-back", text, _LOOK)
    if found.size == head.size:
        if found.root != head.root:
            text = f"two roots were signed for size {head.size}"
            raise Refuse("witness.forked", text, _LOOK)
        return
    path = paths.get(head.size)
    if path is None and head.size == 0:
        path = []
    if path is None:
        text = f"no consistency path from size {head.size} came with size {found.size}"
        raise Refuse("witness.need-proof", text, f"send the checkpoint with the path from {head.size}")
    if not tree.verify_consistency(head.size, found.size, head.root, found.root, path):
        text = f"the tree of size {found.size} does not begin with the cosigned one of size {head.size}"
        raise Refuse("witness.inconsistent", text, _LOOK)


class Witness:
    """See the module's text. Use `open`; one process per directory."""

    def __init__(self, directory: Path, key: SigningKey, logs: Mapping[str, Verifier], lock: int) -> None:
        self._directory = directory
        self._key = key
        self._logs = dict(logs)
        self._own = Verifier(key.verifier_key, key.kind)
        self._lock = lock

    @classmethod
    def open(cls, directory: Path, key: SigningKey, logs: Mapping[str, Verifier]) -> Witness:
        """`logs` are the enrolled boxes with their verifier keys.

        Refuse `witness.bad-enrolment`; Halt `witness.busy` (another process), `disk.*`.
        """
        for box, verifier in logs.items():
            if verifier.name != origin_of(box):
                text = f"the key {verifier.name} is not the key of {box}"
                raise Refuse("witness.bad-enrolment", text, "copy the line of the box's signing.vkey again")
        make_directories(directory)
        return cls(directory, key, logs, _lock(directory))

    def close(self) -> None:
        """Lets another process open the directory. May be called more than once."""
        if self._lock >= 0:
            os.close(self._lock)
        self._lock = -1

    @property
    def name(self) -> str:
        """The key's name."""
        return self._key.name

    @property
    def boxes(self) -> tuple[str, ...]:
        """Who is enrolled."""
        return tuple(sorted(self._logs))

    def take(self, box: str, note: bytes, paths: Paths, sent: Sent, now: Instant) -> bytes:
        """The note with our cosignature, after the new state is on the disk.

        Refuse `witness.unknown-log`, `witness.stopped`, `note.*`, `checkpoint.*` or what `judge` raises;
        Halt `witness.state-damaged`; `disk.*`: then nothing was cosigned.
        """
        verifier = self._logs.get(box)
        if verifier is None:
            raise Refuse("witness.unknown-log", f"{box} is not enrolled here", "enrol the box's key first")
        state = self.state(box)
        if state.stopped is not None:
            text = f"{box} is not cosigned since {state.stopped.code}"
            raise Refuse("witness.stopped", text, _LOOK)
        found = checkpoints.verified(note, verifier, origin_of(box))
        try:
            judge(self._known(box, state), found, sent, paths)
        except Refuse as error:
            if error.code in CONTRADICTIONS:
                self._stop(box, state, error, note, paths, now)
            raise
        cosigned = cosignature.cosign(signed_note.parse(note), self._key, now.wall_ns // NS_PER_S)
        self._write(box, LogState(note=cosigned, sent=sent))
        return cosigned

    def head(self, box: str) -> Checkpoint | None:
        """The newest head of `box` that was cosigned. Errors as of `state`."""
        known = self._known(box, self.state(box))
        return None if known is None else known.head

    def state(self, box: str) -> LogState:
        """What is known of `box`. Halt `witness.state-damaged`; Refuse `box.bad-name`; `disk.*`."""
        path = self._path(box)
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            return LogState()
        except OSError as error:
            raise translate(error, path, "reading") from error
        try:
            return decode_state(origin_of(box), data)
        except Refuse as error:
            raise _damaged(path, error) from error

    def reset(self, box: str, now: Instant) -> Path | None:
        """Forgets `box`, so that its next checkpoint is a first contact; the old state is kept beside.

        None when nothing was known. Whoever calls this has explained the contradiction.
        """
        path = self._path(box)
        if not path.exists():
            return None
        kept = path.with_name(f"{box}.{now.wall_ns}.evidence")
        try:
            write_atomic(kept, path.read_bytes(), 0o400)
            path.unlink()
        except OSError as error:
            raise translate(error, path, "moving away") from error
        return kept

    def _path(self, box: str) -> Path:
        origin_of(box)
        return self._directory / f"{box}.json"

    def _known(self, box: str, state: LogState) -> Known | None:
        if state.note is None or state.sent is None:
            return None
        try:
            cosigned = cosignature.verified(state.note, self._own, origin_of(box))
        except Refuse as error:
            raise _damaged(self._path(box), error) from error
        return Known(head=cosigned.head, sent=state.sent)

    def _write(self, box: str, state: LogState) -> None:
        if self._lock < 0:
            raise RuntimeError("the witness is closed")
        write_atomic(self._path(box), encode_state(origin_of(box), state))

    def _stop(self, box: str, state: LogState, why: Refuse, note: bytes, paths: Paths, now: Instant) -> None:
        stopped = Stopped(
            code=why.code, text=why.text, at_wall_ns=now.wall_ns, note=note.decode(), paths=paths
        )
        self._write(box, replace(state, stopped=stopped))


def _damaged(path: Path, cause: Refuse) -> Halt:
    advice = "restore the file from a backup; cosigning goes on only from a state that is known"
    return Halt("witness.state-damaged", f"{path.name}: {cause.text}", advice)


def _lock(directory: Path) -> int:
    text = f"another witness uses {directory}"
    return hold(directory, Halt("witness.busy", text, "stop the other one: a directory has one witness"))
