"""Opens a recording with custodian keys: both layers of the capsule, segments, one playable MP4; all in RAM.

Guarantees: `unlock` releases no plaintext, so that the opening can be recorded between it and `release_parts`
(`access_records.py`; every verb must); a manifest that is not the opening leaf's, or says other labels, opens
nothing (STD 8.1); a segment is used only when its file is the one that the ledger names (`file_fit.py`) and
its own inner description names this recording and number, with the leaf's labels; the verified prefix of an
unfinished segment is used. What is refused is told, never skipped silently. Leaves out checking the ledger
itself (`verify.py`).
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from agent.capture.boxes import read_description
from agent.capture.joiner import Joiner, describe
from agent.formats import manifest_v1
from agent.formats.ledger_v1 import Leaf, LeafType
from agent.host.files import translate
from agent.ledger.check import read_leaves
from agent.model.errors import AgentError, Refuse
from agent.model.ids import RecordingId, is_recording_id
from agent.model.outgoing import Json
from agent.runtime.disposal_report import refuse_when_disposed
from agent.runtime.file_fit import Fit, file_fit
from agent.runtime.labels import inside_differences, manifest_differences
from agent.seal.age_reader import open_stream
from agent.seal.capsule import MAX_CAPSULE, open_capsule, opens
from agent.seal.recording_key import recipient_of
from agent.vault.layout import CAPSULE_NAME, LEDGER, MANIFEST_NAME, recording_dir


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """What came out. `truncated` segments gave their verified prefix; `problems` were left out."""

    frames: int
    segments: int
    truncated: int
    parts: int
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unlocked:
    """A recording whose capsule is open. `key` is its identity; nothing of a segment has been read."""

    recording: RecordingId
    directory: Path
    box: str | None
    capsule_sha256: str
    leaves: tuple[Leaf, ...] = field(repr=False)
    key: str = field(repr=False)


def open_recording_to(
    vault: Path,
    recording: str,
    identities: Sequence[str],
    output: BinaryIO,
    unwrapped: bytes | None = None,
) -> Opened:
    """Writes the recording to `output`, without a record of the access. Raises `Refuse` `open.*`, `seal.*`.

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
    return release_parts(unlock(vault, recording, identities, unwrapped), open_part)


def unlock(
    vault: Path, recording: str, identities: Sequence[str], unwrapped: bytes | None = None
) -> Unlocked:
    """Opens the capsule, all its layers, in memory. Raises `Refuse` `open.*`, `seal.*`.

    `unwrapped` is an inner layer of it, when the key authority or a custodian has peeled those around it.
    """
    if not is_recording_id(recording):
        raise Refuse("open.bad-id", "this is no recording's id", "see: edgeward recordings")
    known = RecordingId(recording)
    directory = recording_dir(vault, known)
    leaves = tuple(_leaves_of(vault, known))
    capsule = _capsule(directory, leaves)
    manifest = _manifest(directory, leaves)
    return Unlocked(
        recording=known,
        directory=directory,
        box=leaves[0].box if leaves else None,
        capsule_sha256=hashlib.sha256(capsule).hexdigest(),
        leaves=leaves,
        key=_key(directory, capsule, manifest, leaves, identities, unwrapped),
    )


def release_parts(unlocked: Unlocked, open_part: Callable[[int], BinaryIO]) -> Opened:
    """Decrypts the segments, one output for each part. Raises what the outputs raise."""
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
    labels = next((one.body for one in unlocked.leaves if one.type is LeafType.RECORDING_OPENED), {})
    for leaf in unlocked.leaves:
        if leaf.type is not LeafType.SEGMENT:
            continue
        try:
            plaintext, complete = _plaintext(unlocked.directory, leaf, unlocked.key)
            start_ns = _start_ns(plaintext, unlocked.recording, leaf)
            if start_ns is None:
                continue
            _check_labels(plaintext, labels)
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


def _key(
    directory: Path,
    capsule: bytes,
    manifest: Mapping[str, Json],
    leaves: Sequence[Leaf],
    identities: Sequence[str],
    unwrapped: bytes | None,
) -> str:
    """The recording's identity, out of the capsule or of an inner layer of it."""
    if unwrapped is not None:
        key = open_capsule(unwrapped, identities)
        if recipient_of(key) != manifest.get("recipient"):
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


def _manifest(directory: Path, leaves: Sequence[Leaf]) -> Mapping[str, Json]:
    """The manifest's fields, when it is the one that the recording was opened with and says its labels."""
    path = directory / MANIFEST_NAME
    try:
        with path.open("rb") as stream:
            data = stream.read(manifest_v1.MAX_BYTES + 1)
    except FileNotFoundError:
        raise Refuse(
            "open.no-manifest",
            "the recording's manifest is missing",
            "look for a copy of it; the opening leaf has its SHA-256",
        ) from None
    except OSError as error:
        raise translate(error, path, "reading") from None
    fields = manifest_v1.fields_of(data)
    for leaf in leaves:
        if leaf.type is LeafType.RECORDING_OPENED:
            if different := manifest_differences(fields, leaf):
                raise _mismatch("the manifest", different)
            if leaf.body[MANIFEST_NAME] != hashlib.sha256(data).hexdigest():
                text = "the manifest is not the one in the ledger"
                raise Refuse("open.changed", text, "run edgeward verify")
    return fields


def _capsule(directory: Path, leaves: Sequence[Leaf]) -> bytes:
    """The capsule, when it is the one that the recording was opened with."""
    try:
        with (directory / CAPSULE_NAME).open("rb") as stream:
            data = stream.read(MAX_CAPSULE + 1)
    except FileNotFoundError:
        refuse_when_disposed(directory.parents[1], directory.name)
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
    fit = file_fit(path, leaf)
    if fit not in (Fit.WHOLE, Fit.UNSYNCED_END_LOST):
        raise Refuse("open.changed", "its file is not the one in the ledger", "run edgeward verify")
    pieces: list[bytes] = []
    with path.open("rb") as stream:
        try:
            for piece in open_stream(stream.read, [key]):
                pieces.append(piece)  # noqa: PERF402 - what came before an error must be kept
        except Refuse as error:
            # A power cut may leave zeros behind the last chunk, which reads as damage.
            if error.code == "seal.age-header" and fit is Fit.UNSYNCED_END_LOST:
                return b"", False  # not even its header had been synced
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


def _check_labels(plaintext: bytes, labels: Mapping[str, Json]) -> None:
    """The segment says the same of itself as the opening leaf. Older segments do not say their purpose."""
    raw = read_description(plaintext)
    inside: dict[str, Json] = {} if raw is None else json.loads(raw)  # `describe` has read it before
    if wrong := inside_differences(inside, labels):
        raise _mismatch("its sealed label", wrong)


def _mismatch(what: str, names: Sequence[str]) -> Refuse:
    return Refuse(
        "open.label-mismatch",
        f"{what} says another {' and '.join(names)} than the ledger",
        "run edgeward verify, and find out who wrote it before it is used",
    )
