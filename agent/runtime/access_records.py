"""Records of openings: in the ledger of a box whose keeper runs, else in a signed file beside the output.

Guarantees: a record is durable before `begin` returns, so before the first byte of plaintext; `end` completes
it. Every record says who, when, which recording, by which keys, for what purpose (STD 7.4, STD 9.2), and no
patient data. An opening whose end was not written stays recorded as begun. Leaves out opening (`opening.py`).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from agent import __version__
from agent.formats import access_record_v1
from agent.formats.access_record_v1 import AccessRecord, LedgerHead, Result, Who
from agent.formats.capsule_v1 import fingerprint
from agent.formats.command_v1 import KEY_PREFIX
from agent.formats.config_v1 import AgentConfig
from agent.host.files import create_exclusive, fsync_dir, translate, write_all, write_atomic
from agent.ledger.check import check_log
from agent.ledger.signing import SigningKey, Verifier
from agent.model.errors import Refuse
from agent.model.ids import new_uuid7
from agent.model.outgoing import Json
from agent.model.times import rfc3339
from agent.runtime.opening import Opened, Unlocked
from agent.seal.recording_key import recipient_of
from agent.vault.layout import LEDGER

# Hands the facts to the keeper of this computer; gives the leaf's index, or None when no keeper answers.
# Raises what the keeper refuses.
RecordAccess: TypeAlias = Callable[[AgentConfig, Mapping[str, Json]], int | None]


def ledger_head(vault: Path) -> LedgerHead:
    """Size and root of the vault's ledger, computed from its leaves."""
    report = check_log(vault / LEDGER, None)
    return LedgerHead(size=report.leaves, root=report.root_hex, problems=len(report.problems))


def signing_key(path: Path) -> SigningKey:
    """An operator's key; Refuse `key.*`, `access.wrong-key`."""
    key = SigningKey.load(path)
    if not key.name.startswith(KEY_PREFIX):
        raise Refuse(
            "access.wrong-key",
            f"{path} is not a person's key: those are called {KEY_PREFIX}NAME",
            "make one with edgeward keygen --signing NAME -o FILE",
        )
    return key


def verify_record(data: bytes, vkey: str) -> AccessRecord:
    """The record in a signed file; Refuse `note.*`, `key.bad`, `access.*`."""
    verifier = Verifier(vkey)
    record = access_record_v1.decode(verifier.verify(data).text)
    if record.who.key != verifier.name:
        raise Refuse(
            "access.other-signer",
            "the record names another key than the one that signed it",
            "ask whose signature this is, and treat the record as forged until that is known",
        )
    return record


@dataclass(frozen=True, slots=True)
class KeeperRecord:
    """Written by the keeper of this box into its ledger."""

    config: AgentConfig
    record_access: RecordAccess

    def begin(self, record: AccessRecord) -> bool:
        """False when no keeper answers: the caller must take a file then."""
        return self.record_access(self.config, record.model_dump(mode="json")) is not None

    def end(self, record: AccessRecord) -> None:
        """Refuse `access.end-unrecorded` when the keeper has gone meanwhile."""
        if self.record_access(self.config, record.model_dump(mode="json")) is None:
            raise Refuse(
                "access.end-unrecorded",
                "the recording was opened, and its end could not be entered: the keeper answers no more",
                "the ledger says that it was begun; note by hand how it ended",
            )


@dataclass(frozen=True, slots=True)
class FileRecord:
    """A signed note in a file of its own."""

    path: Path
    key: SigningKey

    def begin(self, record: AccessRecord) -> bool:
        """A new file; Refuse `file.exists` rather than replace an earlier record."""
        data = self._note(record)
        descriptor = create_exclusive(self.path, 0o600)
        try:
            write_all(descriptor, data)
            os.fsync(descriptor)
        except OSError as error:
            with suppress(OSError):  # half a record of an opening that will not be
                self.path.unlink()
            raise translate(error, self.path, "writing") from None
        finally:
            os.close(descriptor)
        fsync_dir(self.path.parent)
        return True

    def end(self, record: AccessRecord) -> None:
        """Replaces the file as a whole."""
        write_atomic(self.path, self._note(record), 0o600)

    def _note(self, record: AccessRecord) -> bytes:
        signed = record.model_copy(update={"who": _signed_by(record.who, self.key)})
        return self.key.sign_note(access_record_v1.encode(signed))


def _signed_by(who: Who, key: SigningKey) -> Who:
    return Who(key=key.name, uid=who.uid, user=who.user)


def begun(
    unlocked: Unlocked,
    identities: Sequence[str],
    purpose: str,
    who: Who,
    wall_ns: int,
    random: Callable[[int], bytes],
) -> AccessRecord:
    """The record of an opening whose capsule is open and which has released nothing."""
    return AccessRecord(
        access=new_uuid7(wall_ns, random(10)),
        at=rfc3339(wall_ns),
        tool=f"edgeward {__version__}",
        box=unlocked.box,
        recording=unlocked.recording,
        capsule_sha256=unlocked.capsule_sha256,
        keys=tuple(sorted({fingerprint(recipient_of(identity)) for identity in identities})),
        purpose=purpose,
        who=who,
        ledger=None,
        result=None,
    )


def result_of(opened: Opened | None, error: str | None, wall_ns: int) -> Result:
    """How an opening ended; without `opened` it was broken off by `error`."""
    return Result(
        ended=rfc3339(wall_ns),
        frames=opened.frames if opened else 0,
        segments=opened.segments if opened else 0,
        truncated=opened.truncated if opened else 0,
        parts=opened.parts if opened else 0,
        problems=len(opened.problems) if opened else 0,
        error=error,
    )


def ended(record: AccessRecord, result: Result) -> AccessRecord:
    """The same opening with its end."""
    return record.model_copy(update={"result": result})
