"""Checks a vault against its ledger, off line, with public keys only.

Guarantees: recomputes the tree, the checkpoint's signature, and presence, size, SHA-256, order and
completeness of every file of every recording, and that no ticket served twice; names what is wrong.
Leaves out decryption. The ledger's key must come from somewhere else than the copied vault for a verdict
that the box can't forge.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from agent.formats.ledger_v1 import Leaf, LeafType
from agent.ledger.check import check_log, read_leaves
from agent.model.errors import AgentError
from agent.model.outgoing import Json
from agent.runtime.leaves import segments_root
from agent.runtime.ticket_account import TicketAccount
from agent.vault.layout import CAPSULE_NAME, LEDGER, MANIFEST_NAME, RECORDINGS, segment_number
from agent.vault.store import list_recordings, sha256_of

OK, OK_WITH_GAPS, INCOMPLETE, TAMPERED = "ok", "ok-with-gaps", "incomplete", "tampered"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingReport:
    """One recording. `closed` is false while it is being recorded."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyReport:
    """`ok` is true for `ok` and `ok-with-gaps`."""

    ok: bool
    result: str
    leaves: int
    root_hex: str
    checkpoint_size: int | None
    signed_by: str | None
    recordings: tuple[RecordingReport, ...]
    gaps: int
    problems: tuple[str, ...]


@dataclass(slots=True)
class _Recording:
    opened: Leaf
    segments: list[Leaf] = field(default_factory=list)
    gaps: int = 0
    closed: Leaf | None = None


@dataclass(slots=True)
class _Findings:
    tampered: list[str] = field(default_factory=list)
    incomplete: list[str] = field(default_factory=list)


def verify_vault(vault: Path, vkey: str | None) -> VerifyReport:
    """The verdict on `vault`. `vkey` is the box's public ledger key."""
    findings = _Findings()
    log = check_log(vault / LEDGER, vkey)
    findings.tampered += [problem.text for problem in log.problems]
    recordings, gaps = _gather(vault, findings)
    explained: set[str] = set()
    reports = tuple(_check(vault, one, explained) for one in recordings.values())
    for report in reports:
        findings.tampered += [f"recording {report.recording}: {text}" for text in report.problems]
    for file in list_recordings(vault):
        if file.path not in explained:
            kind = findings.incomplete if _is_growing(file.path, recordings) else findings.tampered
            kind.append(f"{file.path}: no ledger leaf names this file")
    findings.incomplete += [f"recording {one.recording}: not closed" for one in reports if not one.closed]
    result = OK_WITH_GAPS if gaps else OK
    if findings.tampered:
        result = TAMPERED
    elif findings.incomplete:
        result = INCOMPLETE
    return VerifyReport(
        ok=result in (OK, OK_WITH_GAPS),
        result=result,
        leaves=log.leaves,
        root_hex=log.root_hex,
        checkpoint_size=log.checkpoint_size,
        signed_by=log.signed_by,
        recordings=reports,
        gaps=gaps,
        problems=(*findings.tampered, *findings.incomplete),
    )


def _gather(vault: Path, findings: _Findings) -> tuple[dict[str, _Recording], int]:
    recordings: dict[str, _Recording] = {}
    account = TicketAccount()
    gaps = 0
    try:
        for leaf in read_leaves(vault / LEDGER):
            name = str(leaf.body.get("recording"))
            findings.tampered += account.take(leaf)
            if leaf.type is LeafType.RECORDING_OPENED:
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


def _check(vault: Path, one: _Recording, explained: set[str]) -> RecordingReport:
    body = one.opened.body
    recording = str(body["recording"])
    base = f"{RECORDINGS}/{recording}"
    problems: list[str] = []
    for name in (CAPSULE_NAME, MANIFEST_NAME):
        explained.add(f"{base}/{name}")
        _check_file(vault / base / name, str(body[name]), None, problems)
    for place, leaf in enumerate(one.segments):
        if leaf.body["number"] != place:
            problems.append(f"segment {leaf.body['number']} stands where {place} should be")
        path = f"{base}/{leaf.body['name']}"
        explained.add(path)
        _check_file(vault / path, str(leaf.body["sha256"]), _number(leaf.body["size_bytes"]), problems)
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
    )


def _check_file(path: Path, sha256: str, size_bytes: int | None, problems: list[str]) -> None:
    if not path.is_file():
        problems.append(f"{path.name} is missing")
    elif size_bytes is not None and path.stat().st_size != size_bytes:
        problems.append(f"{path.name} has {path.stat().st_size} bytes, the ledger says {size_bytes}")
    elif sha256_of(path) != sha256:
        problems.append(f"{path.name} was changed: its SHA-256 is not the ledger's")


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
