"""Bodies of the ledger leaves that more than one place of the runtime writes or checks. Pure.

Guarantees: what could not be known is null, never zero; the root in a closing leaf is the RFC 9162 tree
over the SHA-256 of the recording's segments in their order. Leaves out writing them (`book.py`).
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, field

from agent.formats import ipc_v1 as ipc
from agent.ledger.tree import leaf_hash, root_of
from agent.model.media import GapCause
from agent.model.outgoing import Json
from agent.model.times import rfc3339
from agent.model.verdict import Grade, worst
from agent.vault.layout import segment_name
from agent.vault.recovery import AdoptSegment

NS_PER_MS = 1_000_000


@dataclass(slots=True, kw_only=True)
class Totals:
    """Of one recording, as far as it is entered in the ledger."""

    segments: int = 0
    frames: int = 0
    expected: int = 0
    gaps: int = 0
    size_bytes: int = 0
    hashes: list[bytes] = field(default_factory=list)
    grades: list[Grade] = field(default_factory=list)

    def add_file(self, size_bytes: int, sha256: str) -> None:
        """Counts a segment's file."""
        self.segments += 1
        self.size_bytes += size_bytes
        self.hashes.append(bytes.fromhex(sha256))


def segment_body(
    opened: ipc.SegmentOpened, closed: ipc.SegmentClosed, *, recording: str, channel: str, suite: str
) -> dict[str, Json]:
    """The leaf of a segment that its channel process reported."""
    measured = closed.measured
    deid: dict[str, Json] = {} if closed.deid is None else {"deid": deid_body(closed.deid)}
    return deid | {
        "recording": recording,
        "channel": channel,
        "number": closed.number,
        "name": closed.name,
        "start": rfc3339(opened.start_wall_ns),
        "duration_ms": measured.duration_ns // NS_PER_MS,
        "size_bytes": closed.size_bytes,
        "sha256": closed.sha256,
        "suite": suite,
        "final": closed.final,
        "synced_bytes": None if closed.synced is None else closed.synced.size_bytes,
        "synced_sha256": None if closed.synced is None else closed.synced.sha256,
        "reason": closed.reason,
        "frames": measured.frames,
        "frames_expected": measured.expected_frames,
        "lost": measured.lost,
        "duplicates": measured.duplicates,
        "dropped": closed.dropped,
        "rate": measured.rate,
        "width": measured.width,
        "height": measured.height,
        "conformed": conformed_body(opened.conformed, closed.delivered),
        "verdict": closed.grade,
        "findings": [
            {"rule": f.rule, "grade": f.grade, "measured": f.measured, "required": f.required}
            for f in closed.findings
        ],
    }


def deid_body(counts: ipc.DeidCounts) -> dict[str, Json]:
    """What was masked on the frames of a derivative's segment (docs/formats/ledger-v1.md)."""
    return {**asdict(counts), "boxes": list(counts.boxes)}


def conformed_body(
    conformed: ipc.ConformedTold | None, delivered: ipc.Delivered | None
) -> dict[str, Json] | None:
    """What was done to a segment's pictures before they were recorded; None for the device's own bits."""
    if conformed is None:
        return None
    came: dict[str, Json] = {
        "codec": conformed.codec,
        "width": conformed.width,
        "height": conformed.height,
        "region": None if conformed.region is None else list(conformed.region),
    }
    if delivered is not None:
        came |= {
            "rate": delivered.rate,
            "bitrate_bps": delivered.bitrate_bps,
            "frames": delivered.frames,
            "left_out": delivered.left_out,
            "undecoded": delivered.undecoded,
            "dropped": delivered.dropped,
        }
    return {"changes": list(conformed.changes), "encoder": conformed.encoder, "delivered": came}


def adopted_body(
    found: AdoptSegment,
    *,
    channel: str,
    sha256: str,
    suite: str,
    opened: ipc.SegmentOpened | None = None,
) -> dict[str, Json]:
    """The leaf of a segment that a crash left; `opened` is what was told of its beginning, if anything."""
    known = {} if opened is None else {"conformed": conformed_body(opened.conformed, None)}
    return known | {
        "recording": found.recording,
        "channel": channel,
        "number": found.number,
        "name": segment_name(found.number),
        "start": None,
        "duration_ms": None,
        "size_bytes": found.size_bytes,
        "sha256": sha256,
        "suite": suite,
        "final": False,
        "reason": "crash",
        "last_write": rfc3339(found.modified_wall_ns),
        "frames": None,
        "frames_expected": None,
        "verdict": None,
        "findings": [],
    }


def segments_root(hashes: list[bytes]) -> bytes:
    """The tree's root over the segments' SHA-256; that of the empty tree without any."""
    return root_of([leaf_hash(digest) for digest in hashes]) if hashes else hashlib.sha256().digest()


def closing_body(
    recording: str,
    channel: str,
    cause: GapCause,
    totals: Totals,
    *,
    end_wall_ns: int | None,
    capsule_sha256: str | None,
) -> dict[str, Json]:
    """The leaf that closes a recording."""
    return {
        "recording": recording,
        "channel": channel,
        "cause": cause.value,
        "end": None if end_wall_ns is None else rfc3339(end_wall_ns),
        "segments": totals.segments,
        "frames": totals.frames,
        "frames_expected": totals.expected,
        "gaps": totals.gaps,
        "size_bytes": totals.size_bytes,
        "root": segments_root(totals.hashes).hex(),
        "capsule_sha256": capsule_sha256,
        "verdict": worst(totals.grades).value if totals.grades else None,
    }


def gap_body(
    channel: str, recording: str | None, cause: GapCause, from_wall_ns: int, to_wall_ns: int
) -> dict[str, Json]:
    """The leaf of a stretch that was not recorded."""
    return {
        "channel": channel,
        "recording": recording,
        "cause": cause.value,
        "from": rfc3339(from_wall_ns),
        "to": rfc3339(to_wall_ns),
        "duration_ms": max(0, to_wall_ns - from_wall_ns) // NS_PER_MS,
    }
