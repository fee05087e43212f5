"""What of a vault after faults is not as docs/formats/vault-v1.md promises, in words for a test's message.

Guarantees: judges by the bytes on the disk and the custodian's key alone, never by what the agent's objects
remember: every picture that the recorder was given is opened, or lies in a gap leaf. Leaves out faults.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

from agent.capture.boxes import count_frames_and_end, read_description
from agent.formats.ledger_v1 import Leaf, LeafType
from agent.ledger.check import read_leaves
from agent.model.errors import Refuse
from agent.model.times import from_rfc3339, rfc3339
from agent.runtime.boot import PUBLIC_NAME
from agent.runtime.past import gather
from agent.runtime.unrecorded import SHORTEST_NS
from agent.runtime.verify import OK, OK_WITH_GAPS, verify_vault
from agent.seal.age_reader import open_stream
from agent.seal.capsule import open_capsule
from agent.vault.layout import CAPSULE_NAME, LEDGER
from agent.vault.recovery import plan
from agent.vault.store import list_quarantine, list_recordings
from tests.fakes.box_lives import PERIOD_NS, BoxLives, clear_patterns

# Leaves write whole microseconds.
_ROUNDED_NS = 2_000


def problems_of(box: BoxLives) -> list[str]:
    """Everything that is not as promised; to be called between two lives."""
    leaves = list(read_leaves(box.vault / LEDGER))
    return [
        *_verified(box),
        *_synced(leaves),
        *_planned(box, leaves),
        *_told(box),
        *_set_aside(box, leaves),
        *_clear(box),
        *_removed(box),
        *_unaccounted(box, leaves),
    ]


def _verified(box: BoxLives) -> Iterator[str]:
    report = verify_vault(box.vault, (box.root / "state" / PUBLIC_NAME).read_text().strip())
    if report.result not in (OK, OK_WITH_GAPS):
        yield f"verify says {report.result}: {'; '.join(report.problems)}"
    unsynced = {
        leaf.n for leaf in read_leaves(box.vault / LEDGER) if leaf.body.get("synced_bytes") is not None
    }
    if len(report.remarks) > len(unsynced):
        yield f"verify remarks more than the leaves explain: {'; '.join(report.remarks)}"


def _synced(leaves: list[Leaf]) -> Iterator[str]:
    """Only of a segment that the disk cut short may the end be unsynced; no other may lose anything."""
    for leaf in leaves:
        body = leaf.body
        unsynced = leaf.type is LeafType.SEGMENT and body.get("synced_bytes") is not None
        if unsynced and (body["final"], body["reason"]) != (False, "disk"):
            yield f"leaf {leaf.n} says that a segment was not all synced, and not that the disk cut it"


def _planned(box: BoxLives, leaves: list[Leaf]) -> Iterator[str]:
    """The life before ended well, so nothing is left to be recovered."""
    for action in plan(gather(leaves).recordings, list_recordings(box.vault)):
        yield f"a further recovery would do {action}"


def _told(box: BoxLives) -> Iterator[str]:
    """What was told to be whole and durable is there whole, and nothing that was there is gone."""
    there = {
        hashlib.sha256(path.read_bytes()).hexdigest()
        for folder in ("recordings", "quarantine")
        for path in (box.vault / folder).rglob("*")
        if path.is_file()
    }
    for sha256, what in box.must_be_there.items():
        if sha256 not in there:
            yield f"{what} is not there any more"


def _set_aside(box: BoxLives, leaves: list[Leaf]) -> Iterator[str]:
    """Each file in quarantine is named by a leaf."""
    named = {leaf.body["moved_to"] for leaf in leaves if leaf.type is LeafType.QUARANTINE}
    for file in list_quarantine(box.vault):
        if file.path not in named:
            yield f"no leaf says what {file.path} is"


def _clear(box: BoxLives) -> Iterator[str]:
    data = b"".join(path.read_bytes() for path in sorted(box.root.rglob("*")) if path.is_file())
    if any(pattern in data for pattern in clear_patterns()):
        yield "something is there in clear"


def _removed(box: BoxLives) -> Iterator[str]:
    for path, data in box.disk.removed:
        if path.endswith(".mp4.age") and len(data) > _header_bytes(data):
            yield f"{path} was removed with {len(data)} bytes"


def _header_bytes(data: bytes) -> int:
    """Of an age file: the header to the end of its last line, and the nonce."""
    mac = data.find(b"\n---")
    end = data.find(b"\n", mac + 1)
    return len(data) if mac < 0 or end < 0 else end + 1 + 16


def _unaccounted(box: BoxLives, leaves: list[Leaf]) -> Iterator[str]:
    """Every picture that came, and every moment from the first of them on, is recorded or in a gap."""
    gaps = [
        (from_rfc3339(str(leaf.body["from"])), from_rfc3339(str(leaf.body["to"])))
        for leaf in leaves
        if leaf.type is LeafType.GAP
    ]
    pictures = set(_pictures(box, leaves))
    for at_ns in box.handed:
        recorded = any(at_ns // 1000 + shift in pictures for shift in (-1, 0, 1))
        if not recorded and not any(start - _ROUNDED_NS <= at_ns <= end + _ROUNDED_NS for start, end in gaps):
            yield f"the picture of {rfc3339(at_ns)} is neither recorded nor in a gap"
            return
    covered = sorted([*gaps, *((at * 1000, at * 1000 + PERIOD_NS) for at in pictures)])
    until = box.handed[0] if box.handed else box.ended_wall_ns
    for start, end in [*covered, (box.ended_wall_ns, box.ended_wall_ns)]:
        if start - until > SHORTEST_NS + _ROUNDED_NS:
            yield f"nothing accounts for {rfc3339(until)} to {rfc3339(start)}"
        until = max(until, end)


def _pictures(box: BoxLives, leaves: list[Leaf]) -> Iterator[int]:
    """Arrival of every picture that the custodian can get out of a segment with a leaf, in microseconds."""
    for leaf in leaves:
        if leaf.type is LeafType.SEGMENT:
            directory = box.vault / "recordings" / str(leaf.body["recording"])
            clear = _opened(directory / str(leaf.body["name"]), directory / CAPSULE_NAME, box)
            described = read_description(clear)
            if described is None:
                continue
            start = from_rfc3339(json.loads(described)["start_wall"]) // 1000
            for number in range(count_frames_and_end(clear).frames):
                yield start + number * PERIOD_NS // 1000


def _opened(segment: Path, capsule: Path, box: BoxLives) -> bytes:
    """The verified clear text of a segment, as far as it goes."""
    pieces: list[bytes] = []
    try:
        key = open_capsule(capsule.read_bytes(), [box.custodian.identity])
        with segment.open("rb") as stream:
            for piece in open_stream(stream.read, [key]):
                pieces.append(piece)  # noqa: PERF402 - what came before a refusal must be kept
    except (Refuse, FileNotFoundError):
        pass
    return b"".join(pieces)
