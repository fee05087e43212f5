"""After the recording: verifies the vault, opens it with the throw-away key, looks for clear text.

Guarantees: opened video is in RAM only; what can't be verified or opened is a problem in the result, never
an exception of ours that hides the rest.
"""

from __future__ import annotations

import io
import os
from dataclasses import dataclass
from pathlib import Path

from agent.capture.joiner import count_playable_frames
from agent.demo import plaintext
from agent.demo.place import Place
from agent.formats.access_record_v1 import Who
from agent.host.clock import SystemClock
from agent.host.files import translate
from agent.ledger.signing import SigningKey
from agent.model.errors import AgentError
from agent.model.ids import RecordingId
from agent.model.verdict import Grade, worst
from agent.runtime.access_records import FileRecord, begun, ended, ledger_head, result_of
from agent.runtime.boot import PUBLIC_NAME
from agent.runtime.opening import release_parts, unlock
from agent.runtime.verify import RecordingReport, VerifyReport, verify_vault
from agent.vault.layout import CAPSULE_NAME, recording_dir, segment_name

_PURPOSE = "demonstration: the synthetic picture is counted and searched for"


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """What was found. `recording` is the one that the stock tools' line names."""

    verified: VerifyReport
    frames_opened: int
    windows: int
    hits: tuple[plaintext.Hit, ...]
    problems: tuple[str, ...]

    @property
    def recording(self) -> str | None:
        return self.verified.recordings[0].recording if self.verified.recordings else None

    @property
    def verdict(self) -> str | None:
        """The worst of all recordings; None when one has none."""
        grades = [one.verdict for one in self.verified.recordings]
        if not grades or None in grades:
            return None
        return worst([Grade(grade) for grade in grades if grade is not None]).value


def audit(place: Place) -> Audit:
    """Everything that can be checked from outside. Raises `AgentError` when there is no ledger at all."""
    public = place.state / PUBLIC_NAME
    try:
        key = public.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise translate(error, public, "reading") from None
    verified = verify_vault(place.vault, key)
    problems = list(verified.problems)
    frames, needles = 0, []
    for one in verified.recordings:
        try:
            count, found = _open(place, one, problems)
        except AgentError as error:
            problems.append(f"recording {one.recording} does not open: {error.text}")
            continue
        frames += count
        needles += found
    hits = plaintext.search(place.root, [*plaintext.WORDS, *needles], place.identity)
    return Audit(
        verified=verified,
        frames_opened=frames,
        windows=len(needles),
        hits=tuple(hits),
        problems=tuple(problems),
    )


def _open(place: Place, one: RecordingReport, problems: list[str]) -> tuple[int, list[bytes]]:
    """Frames that decode, and what to look for. The clear video is gone on return, a signed record stays."""
    clear = io.BytesIO()
    unlocked = unlock(place.vault, one.recording, [place.secret])
    writer = FileRecord(place.root / f"{one.recording}.access.note", SigningKey.load(place.operator))
    clock = SystemClock()
    who = Who(key=None, uid=os.getuid(), user=str(os.getuid()))
    record = begun(unlocked, [place.secret], _PURPOSE, who, clock.now().wall_ns, os.urandom)
    record = record.model_copy(update={"ledger": ledger_head(place.vault)})
    writer.begin(record)
    opened = release_parts(unlocked, lambda part: clear if part == 0 else io.BytesIO())
    writer.end(ended(record, result_of(opened, None, clock.now().wall_ns)))
    problems += [f"recording {one.recording}: {text}" for text in opened.problems]
    media = clear.getvalue()
    return count_playable_frames(media), plaintext.windows(media)


def first_segment(vault: Path, recording: str) -> tuple[Path, Path]:
    """Capsule and first segment, for the line with the stock tools."""
    directory = recording_dir(vault, RecordingId(recording))
    return directory / CAPSULE_NAME, directory / segment_name(0)
