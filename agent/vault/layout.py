"""Names inside a vault (docs/formats/vault-v1.md). Pure.

Guarantees: names are random ids and numbers; none says what is in the picture (STD 7.2).
"""

from __future__ import annotations

import re
from pathlib import Path

from agent.model.ids import RecordingId

IDENTITY_NAME = "vault.json"
LOCK_NAME = "vault.lock"
RECORDINGS = "recordings"
QUARANTINE = "quarantine"
LEDGER = "ledger"
CAPSULE_NAME = "capsule.age"
MANIFEST_NAME = "manifest.json"
_SEGMENT = re.compile(r"([0-9]{8})\.mp4\.age")


def recording_dir(vault: Path, recording: RecordingId) -> Path:
    """Where a recording's files are."""
    return vault / RECORDINGS / recording


def segment_name(number: int) -> str:
    """`00000000.mp4.age` for number 0."""
    return f"{number:08d}.mp4.age"


def segment_number(name: str) -> int | None:
    """The number in a segment's name, or None when it is not such a name."""
    match = _SEGMENT.fullmatch(name)
    return int(match.group(1)) if match else None
