"""What must be done at boot, as a pure plan from (ledger, listing) to actions.

Guarantees: every file is explained by a leaf or moved to quarantine; the unfinished segment of a crash
gets a leaf as it is (`final` false); nothing is deleted; planning twice after executing gives an empty
plan. Leaves out doing it (`runtime/boot.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from agent.formats.age_v1 import CHUNK
from agent.model.ids import ChannelId, RecordingId
from agent.vault.layout import CAPSULE_NAME, MANIFEST_NAME, segment_number
from agent.vault.store import FoundFile


@dataclass(slots=True, kw_only=True)
class KnownRecording:
    """What the ledger says of a recording. `next_number` is one above its last segment leaf."""

    recording: RecordingId
    channel: ChannelId
    closed: bool = False
    next_number: int = 0
    last_end_wall_ns: int | None = None
    names: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True, kw_only=True)
class AdoptSegment:
    """Write a leaf for a segment file that a crash left without one."""

    recording: RecordingId
    number: int
    path: str
    size_bytes: int
    modified_wall_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseRecording:
    """Write the closing leaf of a recording that a crash left open."""

    recording: RecordingId
    channel: ChannelId
    end_wall_ns: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarantineFile:
    """Move aside a file that nothing explains."""

    path: str
    reason: str


# How much of the video before a segment's last write may be missing after a stop at any moment: the
# promise for a power cut (docs/formats/sealed-v1.md). A gap begins this much earlier, so that it covers
# all that is lost; it may overlap what the unfinished segment still yields.
LOSS_BOUND_NS = 1_000_000_000

_UNFINISHED = ".new"


def surely_recorded_until(size_bytes: int, last_write_wall_ns: int) -> int | None:
    """Up to when an adopted segment surely has the video; None when it may hold no picture.

    A file without a whole chunk says nothing about the time before it: it may have been made after a pause of
    hours, by a process that was stopped before it could tell.
    """
    return last_write_wall_ns - LOSS_BOUND_NS if size_bytes >= CHUNK else None


Action: TypeAlias = AdoptSegment | CloseRecording | QuarantineFile


def plan(known: Mapping[RecordingId, KnownRecording], listing: Iterable[FoundFile]) -> tuple[Action, ...]:
    """Actions in the order in which they must be done: adopt, quarantine, then close."""
    following = {recording: facts.next_number for recording, facts in known.items()}
    adopt: list[AdoptSegment] = []
    aside: list[QuarantineFile] = []
    ends = {recording: facts.last_end_wall_ns for recording, facts in known.items()}
    for file in sorted(listing, key=lambda each: each.path):
        recording, name = _split(file.path)
        facts = known.get(recording) if recording else None
        if facts is None:
            aside.append(QuarantineFile(path=file.path, reason="no ledger leaf opens this recording"))
            continue
        if name in (CAPSULE_NAME, MANIFEST_NAME) or name in facts.names:
            continue
        if adopt and file.path == adopt[-1].path + _UNFINISHED:
            continue  # a copy that a stop cut off; adopting makes it anew
        number = segment_number(name)
        if number is not None and number == following[facts.recording] and not facts.closed:
            following[facts.recording] += 1
            adopt.append(
                AdoptSegment(
                    recording=facts.recording,
                    number=number,
                    path=file.path,
                    size_bytes=file.size_bytes,
                    modified_wall_ns=file.modified_wall_ns,
                )
            )
            end_wall_ns = surely_recorded_until(file.size_bytes, file.modified_wall_ns)
            if end_wall_ns is not None:
                ends[facts.recording] = max(ends[facts.recording] or 0, end_wall_ns)
        else:
            aside.append(QuarantineFile(path=file.path, reason="no ledger leaf names this file"))
    closing = [
        CloseRecording(
            recording=facts.recording,
            channel=facts.channel,
            end_wall_ns=ends[facts.recording],
        )
        for facts in known.values()
        if not facts.closed
    ]
    return (*sorted(adopt, key=lambda item: (item.recording, item.number)), *aside, *closing)


def _split(path: str) -> tuple[RecordingId | None, str]:
    parts = path.split("/")
    if len(parts) != 3:
        return None, path
    return RecordingId(parts[1]), parts[2]
