"""Joins the plaintext of a recording's segments into one playable MP4, without encoding again.

Guarantees: every complete frame of every segment is in the output once, at its true place in time: a
gap stays a gap. A segment whose parameter sets differ begins a new part, because one MP4 track can't
hold both for every player. Leaves out decryption; the caller feeds verified plaintext only.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import BinaryIO

import av
from av.container import InputContainer, OutputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.video.stream import VideoStream

from agent.capture.boxes import count_frames_and_end, read_description
from agent.model.errors import Refuse
from agent.model.times import NS_PER_S

_TIME_BASE = Fraction(1, 90_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """What a segment says of itself inside its sealed text."""

    recording: str
    number: int
    start_ns: int


def describe(plaintext: bytes) -> Described | None:
    """The self-description, or None when the segment is too short to hold it or it is malformed."""
    raw = read_description(plaintext)
    if raw is None:
        return None
    try:
        facts = json.loads(raw)
        if facts["v"] != 1:
            return None
        return Described(
            recording=str(facts["recording"]), number=int(facts["number"]), start_ns=int(facts["start_ns"])
        )
    except (ValueError, KeyError, TypeError):
        return None


class Joiner:
    """`open_part(n)` gives the output for part n, 0 first; seekable outputs get a plain MP4."""

    def __init__(self, open_part: Callable[[int], BinaryIO]) -> None:
        self._open_part = open_part
        self._output: OutputContainer | None = None
        self._stream: VideoStream | None = None
        self._extradata: bytes | None = None
        self._last_dts = -1
        self.parts = 0
        self.frames = 0

    def add(self, plaintext: bytes, start_ns: int) -> int:
        """Adds one segment (maybe cut short). Returns its complete frames."""
        counted = count_frames_and_end(plaintext)
        if counted.frames == 0:
            return 0
        whole = plaintext[: counted.complete_bytes]
        frames = 0
        with _open(whole) as source:
            stream = source.streams.video[0]
            for packet in _packets(source, stream):
                if frames == 0:
                    self._part_for(stream)
                self._put(packet, start_ns)
                frames += 1
        self.frames += frames
        return frames

    def close(self) -> None:
        """Ends the last part."""
        if self._output is not None:
            self._output.close()
            self._output = None

    def _part_for(self, stream: VideoStream) -> None:
        extradata = stream.codec_context.extradata or b""
        if self._output is not None and extradata == self._extradata:
            return
        self.close()
        target = self._open_part(self.parts)
        self.parts += 1
        self._extradata = extradata
        options = {} if target.seekable() else {"movflags": "frag_keyframe+empty_moov+default_base_moof"}
        self._output = av.open(target, "w", format="mp4", options=options)
        self._stream = self._output.add_stream_from_template(stream, opaque=True)
        self._stream.time_base = _TIME_BASE
        self._last_dts = -1

    def _put(self, packet: Packet[VideoStream], start_ns: int) -> None:
        if self._output is None or self._stream is None or packet.dts is None or packet.pts is None:
            raise RuntimeError("a part is open and every packet has times")
        scale = packet.time_base / _TIME_BASE
        offset = start_ns * _TIME_BASE.denominator // NS_PER_S
        dts = max(round(packet.dts * scale) + offset, self._last_dts + 1)
        packet.pts = max(round(packet.pts * scale) + offset, dts)
        packet.dts = self._last_dts = dts
        packet.time_base = _TIME_BASE
        packet.stream = self._stream
        self._output.mux_one(packet)


def count_playable_frames(data: bytes) -> int:
    """Frames of an MP4 that decode. Raises `Refuse` `media.unreadable`."""
    try:
        with _open(data) as source:
            return sum(1 for _ in source.decode(video=0))
    except FFmpegError as error:
        raise _unreadable(error) from None


def _open(data: bytes) -> InputContainer:
    try:
        return av.open(io.BytesIO(data), "r", format="mp4")
    except FFmpegError as error:
        raise _unreadable(error) from None


def _packets(source: InputContainer, stream: VideoStream) -> Iterator[Packet[VideoStream]]:
    try:
        for packet in source.demux(stream):
            if packet.dts is not None and packet.size:
                yield packet
    except FFmpegError as error:
        raise _unreadable(error) from None


def _unreadable(error: FFmpegError) -> Refuse:
    return Refuse(
        "media.unreadable",
        f"a segment was decrypted but is no MP4 that can be read: {error.strerror}",
        "keep the file and send it to support: the ledger says whether it was changed",
    )
