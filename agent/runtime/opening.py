"""Opens a recording with custodian keys: both layers of the capsule, segments, one playable MP4; all in RAM.

Guarantees: a segment is used only when its file has the hash that the ledger says and its own inner
description names this recording and number; the verified prefix of an unfinished segment is used. What
is refused is told, never skipped silently. Leaves out checking the ledger itself (`verify.py`).
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from agent.capture.joiner import Joiner, describe
from agent.formats.ledger_v1 import Leaf, LeafType
from agent.host.files import translate
from agent.ledger.check import read_leaves
from agent.model.errors import AgentError, Refuse
from agent.model.ids import RecordingId, is_recording_id
from agent.model.outgoing import Json
from agent.seal.age_reader import open_stream
from agent.seal.capsule import open_capsule, opens
from agent.seal.recording_key import recipient_of
from agent.vault.layout import CAPSULE_NAME, LEDGER, MANIFEST_NAME, recording_dir
from agent.vault.store import sha256_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """What came out. `truncated` segments gave their verified prefix; `problems` were left out."""

    frames: int
    segments: int
    truncated: int
    parts: int
    problems: tuple[str, ...]


def open_recording_to(
    vault: Path,
    recording: str,
    identities: Sequence[str],
    output: BinaryIO,
    unwrapped: bytes | None = None,
) -> Opened:
    """Writes the recording to `output`. Raises `Refuse` `open.*`, `seal.*`.

    `unwrapped` is the capsule's inner layer, when the key authority has peeled the outer one.

    A recording whose picture changed in mid-stream has parts; only the first goes to `output`: use
    `open_recording_parts` for all.
    """

    def single(part: int) -> BinaryIO:
        return output if part == 0 else io.BytesIO()

    return open_recording_parts(vault, recording, identities, single, unwrapped)


def open_recording_parts(
    vault: Path,
    recording: str,
    identities: Sequence[str],
    open_part: Callable[[int], BinaryIO],
    unwrapped: bytes | None = None,
) -> Opened:
    """Like `open_recording_to`, with one output for each part."""
    if not is_recording_id(recording):
        raise Refuse("open.bad-id", "this is no recording's id", "see: edgeward recordings")
    known = RecordingId(recording)
    directory = recording_dir(vault, known)
    leaves = _leaves_of(vault, known)
    key = _key(directory, leaves, identities, unwrapped)
    output_errors: list[AgentError] = []

    def opened_part(part: int) -> BinaryIO:
        try:
            return open_part(part)
        except AgentError as error:
            output_errors.append(error)
            raise

    joiner = Joiner(opened_part)
    segments = truncated = 0
    problems: list[str] = []
    for leaf in leaves:
        if leaf.type is not LeafType.SEGMENT:
            continue
        try:
            plaintext, complete = _plaintext(directory, leaf, key)
            start_ns = _start_ns(plaintext, recording, leaf)
            if start_ns is None:
                continue
            joiner.add(plaintext, start_ns)
        except Refuse as error:
            if output_errors:  # the output's fault, not the segment's
                raise
            problems.append(f"segment {leaf.body['number']}: {error.text}")
            continue
        segments += 1
        truncated += not complete
    joiner.close()
    return Opened(
        frames=joiner.frames,
        segments=segments,
        truncated=truncated,
        parts=joiner.parts,
        problems=tuple(problems),
    )


def _leaves_of(vault: Path, recording: RecordingId) -> list[Leaf]:
    """The leaves about one recording, in the order of the ledger."""
    return [leaf for leaf in read_leaves(vault / LEDGER) if leaf.body.get("recording") == recording]


def _key(directory: Path, leaves: Sequence[Leaf], identities: Sequence[str], unwrapped: bytes | None) -> str:
    """The recording's identity, out of the capsule or of its inner layer."""
    capsule = _capsule(directory, leaves)
    if unwrapped is not None:
        key = open_capsule(unwrapped, identities)
        if recipient_of(key) != _recipient(directory):
            raise Refuse(
                "open.other-capsule",
                "the unwrapped layer is that of another recording's capsule",
                "ask the key authority to unwrap this recording's capsule.age",
            )
        return key
    ticket = next(
        (leaf.body.get("ticket") for leaf in leaves if leaf.type is LeafType.RECORDING_OPENED), None
    )
    if isinstance(ticket, str) and not any(opens(capsule, identity) for identity in identities):
        raise Refuse(
            "open.ticket-closed",
            f"the capsule is closed with ticket {ticket}, and none of the given keys is that ticket's",
            f"the key authority must run: edgeward authority unwrap {CAPSULE_NAME} --ticket {ticket} "
            f"-d AUTHORITY -o inner.age, with the file from {directory}; then give --unwrapped inner.age",
        )
    return open_capsule(capsule, identities)


def _recipient(directory: Path) -> Json:
    """The recording's public key, as its manifest says; the capsule's plaintext must fit."""
    path = directory / MANIFEST_NAME
    try:
        found = json.loads(path.read_bytes())
    except OSError as error:
        raise translate(error, path, "reading") from None
    except ValueError:
        found = None
    return found.get("recipient") if isinstance(found, dict) else None


def _capsule(directory: Path, leaves: Sequence[Leaf]) -> bytes:
    """The capsule, when it is the one that the recording was opened with."""
    try:
        data = (directory / CAPSULE_NAME).read_bytes()
    except FileNotFoundError:
        raise Refuse(
            "open.no-recording", f"the vault has no recording {directory.name}", "see: edgeward recordings"
        ) from None
    except OSError as error:
        raise translate(error, directory, "reading") from None
    opened = [leaf.body[CAPSULE_NAME] for leaf in leaves if leaf.type is LeafType.RECORDING_OPENED]
    if opened and opened[0] != hashlib.sha256(data).hexdigest():
        raise Refuse("open.changed", "the capsule is not the one in the ledger", "run edgeward verify")
    return data


def _plaintext(directory: Path, leaf: Leaf, key: str) -> tuple[bytes, bool]:
    """The verified plaintext of a segment, and whether it is whole."""
    path = directory / str(leaf.body["name"])
    if not path.exists():
        raise Refuse("open.missing", "its file is missing", "look for a copy; the ledger has its hash")
    if sha256_of(path) != leaf.body["sha256"]:
        raise Refuse("open.changed", "its file is not the one in the ledger", "run edgeward verify")
    pieces: list[bytes] = []
    with path.open("rb") as stream:
        try:
            for piece in open_stream(stream.read, [key]):
                pieces.append(piece)  # noqa: PERF402 - what came before an error must be kept
        except Refuse as error:
            # A power cut may leave zeros behind the last chunk, which reads as damage.
            cut_short = error.code == "seal.truncated" or not leaf.body["final"]
            if not cut_short or error.code not in ("seal.truncated", "seal.corrupt"):
                raise
            return b"".join(pieces), False
    return b"".join(pieces), True


def _start_ns(plaintext: bytes, recording: str, leaf: Leaf) -> int | None:
    """Where the segment belongs; None when a crash left too little of it to hold a frame."""
    described = describe(plaintext)
    if described is None:
        if leaf.body["final"]:
            raise Refuse("open.undescribed", "it does not say what it is", "run edgeward verify")
        return None
    if described.recording != recording or described.number != leaf.body["number"]:
        raise Refuse("open.misplaced", "it says that it belongs elsewhere", "run edgeward verify")
    return described.start_ns
