"""Writes one segment: packets in, a durable sealed file out.

Guarantees: nothing in clear leaves the process; a byte waits in the chunk buffer for at most one further
fragment (then a `free` box fills the chunk), and the file is synced at most every 500 ms, so a crash of
the process loses at most two fragments of video and a power cut 500 ms more, at every bit rate. Leaves
out when to cut; the caller decides, and calls `close` or, after an error, `abandon`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from agent.capture.boxes import free_box
from agent.capture.fragment_mux import FragmentMux
from agent.formats.age_v1 import CHUNK
from agent.model.ids import RecordingId
from agent.model.media import Accepted, Captured, Stored
from agent.seal.age_writer import AgeWriter
from agent.vault.segment_file import SegmentFile

FRAGMENT_NS = 200_000_000
SYNC_NS = 500_000_000
_SMALLEST_BOX = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentPlace:
    """Where a segment goes and to whom it is sealed."""

    directory: Path
    recording: RecordingId
    number: int
    recipient: str
    description: bytes


class SegmentWriter:
    """One segment, from its first key frame to its end."""

    def __init__(
        self,
        place: SegmentPlace,
        *,
        template: object,
        parameter_sets: bytes | None,
        random: Callable[[int], bytes],
        mono_ns: Callable[[], int],
    ) -> None:
        self._mono_ns = mono_ns
        self._age = AgeWriter([place.recipient], random)
        self._file = SegmentFile(place.directory, place.recording, place.number)
        self._plain_bytes = 0
        self._unsealed: deque[tuple[int, Accepted]] = deque()
        self._synced_at_ns = mono_ns()
        self.durable_frames = 0
        self.durable_media_ns = 0
        try:
            self._file.write(self._age.begin())
            self._mux = FragmentMux(
                template,
                self._take,
                fragment_ns=FRAGMENT_NS,
                description=place.description,
                parameter_sets=parameter_sets,
            )
        except BaseException:
            self._file.discard()
            raise

    @property
    def size_bytes(self) -> int:
        """Bytes of the file so far."""
        return self._file.size_bytes

    def add(self, captured: Captured) -> None:
        """Takes one packet."""
        self._mux.add(captured)

    def close(self) -> Stored:
        """Ends the segment: the file is complete and durable on return."""
        self._mux.close()
        if self._age.pending_bytes == 0:
            # age forbids an empty last chunk in a file that has others.
            self._seal(free_box(_SMALLEST_BOX))
        self._file.write(self._age.finish())
        return self._file.close(final=True)

    def abandon(self) -> Stored:
        """Leaves the file as it is after an error."""
        return self._file.abandon()

    def _take(self, accepted: Accepted) -> None:
        waited = self._age.pending_bytes > 0
        sealed = self._seal(accepted.data)
        self._unsealed.append((self._plain_bytes, accepted))
        if waited and not sealed:
            self._fill_chunk()
        now_ns = self._mono_ns()
        if now_ns - self._synced_at_ns >= SYNC_NS:
            self._file.sync()
            self._synced_at_ns = now_ns
            self._note_durable()

    def _seal(self, data: bytes) -> bool:
        self._plain_bytes += len(data)
        piece = self._age.update(data)
        if piece is None:
            return False
        self._file.write(piece)
        return True

    def _fill_chunk(self) -> None:
        room = CHUNK - self._age.pending_bytes
        if room < _SMALLEST_BOX:
            room += CHUNK
        self._seal(free_box(room))
        if (piece := self._age.flush_full()) is not None:
            self._file.write(piece)

    def _note_durable(self) -> None:
        sealed_bytes = self._plain_bytes - self._age.pending_bytes
        while self._unsealed and self._unsealed[0][0] <= sealed_bytes:
            accepted = self._unsealed.popleft()[1]
            self.durable_frames = accepted.frames
            self.durable_media_ns = accepted.media_end_ns
