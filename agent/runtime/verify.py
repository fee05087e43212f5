"""Checks a vault against its ledger, off line, with public keys only.

Guarantees: recomputes the tree, the checkpoint's signature, and presence, size, SHA-256, order and
completeness of every file of every recording, that no ticket served twice, and that a recording without
files was destroyed or evicted by leaves in their order (docs/formats/destruction-v1.md); names what is wrong.
A quick check reads no segment; a deep one also looks at labels and headers (`verify_deep.py`).
Leaves out decryption, and certificates (`disposal_check.py`). The ledger's key must come from somewhere else
than the copied vault for a verdict that the box can't forge.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from agent.formats.ledger_v1 import Leaf, LeafType
from agent.ledger.attack import classify
from agent.ledger.check import check_log, read_leaves
from agent.model.errors import AgentError
from agent.model.ids import is_recording_id
from agent.model.outgoing import Json
from agent.runtime.file_attacks import file_attacks
from agent.runtime.file_fit import Fit, file_fit, size_fit
from agent.runtime.leaves import segments_root
from agent.runtime.ticket_account import TicketAccount
from agent.runtime.verify_deep import look_deep
from agent.vault.disposal import GONE, DisposalAccount, State
from agent.vault.layout import CAPSULE_NAME, LEDGER, MANIFEST_NAME, RECORDINGS, segment_number
from agent.vault.removal import left_of
from agent.vault.store import list_recordings, sha256_of

OK, OK_WITH_GAPS, INCOMPLETE, TAMPERED = "ok", "ok-with-gaps", "incomplete", "tampered"
UNWITNESSED = "unwitnessed-tail"

# What this checker computes with, by type of leaf. Root on the box can write leaves without it.
_FIELDS: Mapping[LeafType, Mapping[str, type]] = {
    LeafType.RECORDING_OPENED: {
        **dict.fromkeys(("recording", "channel", "suite", CAPSULE_NAME, MANIFEST_NAME), str),
        "level": object,
    },
    LeafType.SEGMENT: {
        **dict.fromkeys(("recording", "name", "sha256", "suite"), str),
        **dict.fromkeys(("number", "size_bytes"), int),
        **dict.fromkeys(("frames", "frames_expected"), object),
        "final": bool,
    },
    LeafType.RECORDING_CLOSED: {"recording": str, "segments": int, "root": str, "verdict": object},
}
_SHA256 = re.compile(r"[0-9a-f]{64}")


class Level(StrEnum):
    """How much is read. Each level checks all that the one before it checks."""

    QUICK = "quick"  # ledger, heads, presence, size, order; no segment is read
    NORMAL = "normal"  # also the SHA-256 of every file
    DEEP = "deep"  # also labels, manifest, and the header of every sealed file


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingReport:
    """One recording. `closed` is false while it is being recorded.

    `disposed` is `executing`, `shredded`, `certified` or `evicted` when its files are gone by a leaf.
    `remarks` are worth knowing and make nothing wrong.
    """

    recording: str
    channel: str
    opened: str
    segments: int
    size_bytes: int
    frames: int
    frames_expected: int
    gaps: int
    verdict: str | None
    closed: bool
    problems: tuple[str, ...]
    disposed: str | None = None
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyReport:
    """`ok` is true for `ok` and `ok-with-gaps`: as far as `level` looks.

    `witnessed` leaves are under a head that a given witness has cosigned, `unwitnessed` ones are not: there
    root on the box could have changed anything. Both are None when no witness was given. `attacks` says what
    the problems look like, `remarks` are worth knowing and make nothing wrong.
    """

    ok: bool
    result: str
    level: str
    leaves: int
    root_hex: str
    checkpoint_size: int | None
    signed_by: str | None
    recordings: tuple[RecordingReport, ...]
    gaps: int
    problems: tuple[str, ...]
    witnessed: int | None = None
    unwitnessed: int | None = None
    attacks: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


@dataclass(slots=True)
class _Recording:
    opened: Leaf
    segments: list[Leaf] = field(default_factory=list)
    gaps: int = 0
    closed: Leaf | None = None


@dataclass(slots=True)
class _Findings:
    level: Level
    tampered: list[str] = field(default_factory=list)
    incomplete: list[str] = field(default_factory=list)
    expected: dict[str, str] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    unexplained: list[str] = field(default_factory=list)
    attacks: list[str] = field(default_factory=list)


def verify_vault(
    vault: Path,
    vkey: str | None,
    *,
    kept: Sequence[bytes] = (),
    witnesses: Sequence[str] = (),
    level: Level = Level.NORMAL,
) -> VerifyReport:
    """The verdict on `vault`. `vkey` is the box's public ledger key, `witnesses` those of its witnesses.

    `kept` are checkpoint notes that were kept away from the box, cosigned or not.
    """
    findings = _Findings(level)
    log = check_log(vault / LEDGER, vkey, kept=kept, witnesses=witnesses)
    findings.tampered += [problem.text for problem in log.problems]
    disposal = DisposalAccount()
    recordings, gaps = _gather(vault, findings, disposal)
    explained: set[str] = set()
    reports = tuple(_check(vault, one, explained, findings, disposal) for one in recordings.values())
    for report in reports:
        findings.tampered += [f"recording {report.recording}: {text}" for text in report.problems]
    for file in list_recordings(vault):
        if file.path not in explained:
            kind = findings.incomplete if _is_growing(file.path, recordings) else findings.tampered
            kind.append(f"{file.path}: no ledger leaf names this file")
            if kind is findings.tampered:
                findings.unexplained.append(file.path)
    findings.incomplete += [f"recording {one.recording}: not closed" for one in reports if not one.closed]
    result = OK_WITH_GAPS if gaps else OK
    if findings.tampered:
        result = TAMPERED
    elif log.unwitnessed:
        result = UNWITNESSED
    elif findings.incomplete:
        result = INCOMPLETE
    return VerifyReport(
        ok=result in (OK, OK_WITH_GAPS),
        result=result,
        level=level.value,
        leaves=log.leaves,
        root_hex=log.root_hex,
        checkpoint_size=log.checkpoint_size,
        signed_by=log.signed_by,
        recordings=reports,
        gaps=gaps,
        problems=(*findings.tampered, *findings.incomplete),
        witnessed=log.witnessed,
        unwitnessed=log.unwitnessed,
        attacks=(
            *(attack.text for attack in classify(log.problems)),
            *file_attacks(vault, findings.expected, findings.wrong, findings.unexplained),
            *findings.attacks,
        ),
        remarks=tuple(f"recording {one.recording}: {text}" for one in reports for text in one.remarks),
    )


def _gather(vault: Path, findings: _Findings, disposal: DisposalAccount) -> tuple[dict[str, _Recording], int]:
    recordings: dict[str, _Recording] = {}
    account = TicketAccount()
    gaps = 0
    try:
        for leaf in read_leaves(vault / LEDGER):
            name = str(leaf.body.get("recording"))
            findings.tampered += account.take(leaf)
            findings.tampered += disposal.take(leaf)
            if wrong := _wrong_fields(leaf):
                findings.tampered.append(f"leaf {leaf.n} has no right {', '.join(wrong)}")
            elif leaf.type is LeafType.RECORDING_OPENED:
                recordings[name] = _Recording(leaf)
            elif leaf.type is LeafType.GAP:
                gaps += 1
                if name in recordings:
                    recordings[name].gaps += 1
            elif leaf.type in (LeafType.SEGMENT, LeafType.RECORDING_CLOSED):
                if name not in recordings:
                    findings.tampered.append(f"leaf {leaf.n} speaks of a recording that was never opened")
                elif leaf.type is LeafType.SEGMENT:
                    recordings[name].segments.append(leaf)
                else:
                    recordings[name].closed = leaf
    except AgentError as error:
        findings.tampered.append(error.text)
    return recordings, gaps


def _wrong_fields(leaf: Leaf) -> list[str]:
    wrong = [
        name
        for name, kind in _FIELDS.get(leaf.type, {}).items()
        if name not in leaf.body or not isinstance(leaf.body[name], kind)
    ]
    if not wrong and leaf.type is LeafType.SEGMENT and not _SHA256.fullmatch(str(leaf.body["sha256"])):
        wrong.append("sha256")
    return wrong


def _is_growing(path: str, recordings: Mapping[str, _Recording]) -> bool:
    """True for the segment that comes next in a recording that is not closed."""
    folder, name = Path(path).parent, Path(path).name
    one = recordings.get(folder.name)
    return (
        one is not None
        and one.closed is None
        and folder == Path(RECORDINGS) / folder.name
        and segment_number(name) == len(one.segments)
    )


def _check(
    vault: Path, one: _Recording, explained: set[str], findings: _Findings, disposal: DisposalAccount
) -> RecordingReport:
    body = one.opened.body
    recording = str(body["recording"])
    base = f"{RECORDINGS}/{recording}"
    problems: list[str] = []
    remarks: list[str] = []
    disposed = _disposed(vault, recording, disposal, findings, problems)
    for name in (CAPSULE_NAME, MANIFEST_NAME):
        explained.add(f"{base}/{name}")
        if disposed is None:
            _check_file(vault, f"{base}/{name}", str(body[name]), problems, findings)
    for place, leaf in enumerate(one.segments):
        if leaf.body["number"] != place:
            problems.append(f"segment {leaf.body['number']} stands where {place} should be")
        path = f"{base}/{leaf.body['name']}"
        explained.add(path)
        if disposed is None:
            _check_segment(vault, path, leaf, problems, remarks, findings)
    if disposed is None and findings.level is Level.DEEP:
        for finding in look_deep(vault, one.opened, one.segments, set(findings.wrong)):
            if finding.looks_like is None:
                remarks.append(finding.text)
            else:
                problems.append(finding.text)
                findings.attacks.append(finding.looks_like)
    if one.closed is not None:
        _check_closing(one, one.closed, problems)
    return RecordingReport(
        recording=recording,
        channel=str(body["channel"]),
        opened=one.opened.wall,
        segments=len(one.segments),
        size_bytes=sum(_number(leaf.body["size_bytes"]) for leaf in one.segments),
        frames=sum(_number(leaf.body["frames"]) for leaf in one.segments),
        frames_expected=sum(_number(leaf.body["frames_expected"]) for leaf in one.segments),
        gaps=one.gaps,
        verdict=None if one.closed is None else _text(one.closed.body["verdict"]),
        closed=one.closed is not None,
        problems=tuple(problems),
        disposed=disposed,
        remarks=tuple(remarks),
    )


def _disposed(
    vault: Path, recording: str, disposal: DisposalAccount, findings: _Findings, problems: list[str]
) -> str | None:
    """How it is gone, or None when its files must be there. What is left of it, or not done, is told."""
    known = disposal.recordings.get(recording)
    if known is None or (state := known.state(0)) not in GONE:
        return None
    left = is_recording_id(recording) and bool(left_of(vault, [recording]))
    if state is State.EXECUTING:
        request = "" if known.request is None else known.request.id
        findings.incomplete.append(
            f"recording {recording}: its destruction was begun and has not ended; start the agent, or run "
            f"edgeward destroy execute {request} again"
        )
    elif state is State.EVICTED and left:
        findings.incomplete.append(
            f"recording {recording}: evicted, and files of it are left; start the agent, it removes them"
        )
    elif left:
        problems.append("the ledger says that it is destroyed, but files of it are there")
    if state is State.SHREDDED:
        findings.incomplete.append(f"recording {recording}: destroyed, and without a certificate yet")
    return state.value


def _check_file(vault: Path, name: str, sha256: str, problems: list[str], findings: _Findings) -> None:
    """Key capsule and manifest are small: their hash is checked at every level."""
    path = vault / name
    findings.expected[name] = sha256
    if not path.is_file():
        problems.append(f"{path.name} is missing")
    elif sha256_of(path) != sha256:
        problems.append(f"{path.name} was changed: its SHA-256 is not the ledger's")
    else:
        return
    findings.wrong.append(name)


def _check_segment(
    vault: Path, name: str, leaf: Leaf, problems: list[str], remarks: list[str], findings: _Findings
) -> None:
    path, size_bytes = vault / name, leaf.body["size_bytes"]
    findings.expected[name] = str(leaf.body["sha256"])
    if not path.is_file():
        problems.append(f"{path.name} is missing")
        findings.wrong.append(name)
        return
    fit = size_fit(path, leaf) if findings.level is Level.QUICK else file_fit(path, leaf)
    if fit is Fit.UNSYNCED_END_LOST:
        remarks.append(
            f"{path.name} lost its end after the disk's error that leaf {leaf.n} tells of: the first "
            f"{leaf.body['synced_bytes']} of {size_bytes} bytes had been synced, and "
            f"{'have not been read' if findings.level is Level.QUICK else 'are there'}"
        )
    elif fit is Fit.OTHER_SIZE:
        problems.append(f"{path.name} has {path.stat().st_size} bytes, the ledger says {size_bytes}")
    elif fit is Fit.CHANGED:
        problems.append(f"{path.name} was changed: its SHA-256 is not the ledger's")
    if fit in (Fit.OTHER_SIZE, Fit.CHANGED):
        findings.wrong.append(name)


def _check_closing(one: _Recording, closed: Leaf, problems: list[str]) -> None:
    if closed.body["segments"] != len(one.segments):
        problems.append(f"closed with {closed.body['segments']} segments, {len(one.segments)} are entered")
    root = segments_root([bytes.fromhex(str(leaf.body["sha256"])) for leaf in one.segments])
    if closed.body["root"] != root.hex():
        problems.append("the closing leaf's root is not that of its segments")


def _number(value: Json) -> int:
    return value if isinstance(value, int) else 0


def _text(value: Json) -> str | None:
    return value if isinstance(value, str) else None
