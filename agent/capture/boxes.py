"""The boxes of a fragmented MP4: splitting, filling, describing and counting.

Guarantees: pure; work and memory are bounded by the input; `count_frames_and_end` never raises, whatever
the bytes are: what is damaged or cut off simply does not count. Leaves out decoding and writing media.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from agent.model.times import NS_PER_S

DESCRIPTION_UUID = bytes.fromhex("9a1c7d4e52c84b0b8a5e0d6f4e3b2a11")

_HEADER = 8
_TFHD_SKIP = ((0x1, 8), (0x2, 4))  # base data offset, sample description index
_TFHD_DURATION = 0x8
_TRUN_SKIP = ((0x1, 4), (0x4, 4))  # data offset, first sample flags
_TRUN_DURATION = 0x100
_TRUN_FIELDS = (0x100, 0x200, 0x400, 0x800)


@dataclass(frozen=True, slots=True)
class Counted:
    """How much of a file is whole: its first `complete_bytes`, with `frames` up to media time `end_ns`."""

    complete_bytes: int
    frames: int
    end_ns: int


@dataclass(slots=True)
class _Track:
    """What the `moov` box says that fragments need."""

    timescale: int = 0
    default_duration: int = 0


def split_boxes(data: bytes, start: int = 0, end: int | None = None) -> Iterator[tuple[bytes, int, int]]:
    """(type, start, end) of every whole box; stops silently at the first cut or impossible one."""
    end = len(data) if end is None else end
    while end - start >= _HEADER:
        size, kind = struct.unpack_from(">I4s", data, start)
        least = _HEADER
        if size == 1 and end - start >= 16:
            size, least = struct.unpack_from(">Q", data, start + _HEADER)[0], 16
        if size < least or size > end - start:
            return
        yield kind, start, start + size
        start += size


def free_box(size: int) -> bytes:
    """A box of exactly `size` bytes that players pass over."""
    if not _HEADER <= size < 1 << 32:
        raise ValueError("a free box has 8 bytes or more")
    return struct.pack(">I4s", size, b"free") + bytes(size - _HEADER)


def uuid_box(content: bytes, uuid: bytes = DESCRIPTION_UUID) -> bytes:
    """A `uuid` box around `content`."""
    return struct.pack(">I4s", _HEADER + len(uuid) + len(content), b"uuid") + uuid + content


def read_description(prefix: bytes) -> bytes | None:
    """The content of the first description box in the beginning of a file; None when it isn't there."""
    for kind, start, end in split_boxes(prefix):
        content = start + _HEADER + len(DESCRIPTION_UUID)
        if kind == b"uuid" and content <= end and prefix[start + _HEADER : content] == DESCRIPTION_UUID:
            return prefix[content:end]
    return None


def count_frames_and_end(data: bytes) -> Counted:
    """The whole boxes and frames in a fragmented MP4 with one track, possibly cut off anywhere.

    A fragment counts when both its `moof` and its `mdat` are whole. `end_ns` is when its last frame ends.
    """
    track = _Track()
    complete = frames = end = 0
    waiting: tuple[int, int] | None = None
    for kind, start, stop in split_boxes(data):
        if kind == b"moov":
            track = _read_moov(data, start, stop)
        elif kind == b"moof":
            waiting = _read_moof(data, start, stop, track)
            continue
        elif kind == b"mdat" and waiting is not None:
            frames += waiting[0]
            end = max(end, waiting[1])
            waiting = None
        if waiting is None:
            complete = stop
    end_ns = end * NS_PER_S // track.timescale if track.timescale else 0
    return Counted(complete, frames, end_ns)


def _inside(data: bytes, start: int, end: int, *path: bytes) -> Iterator[tuple[int, int]]:
    """Content (start, end) of the boxes at `path` below the box `start..end`."""
    for kind, child, child_end in split_boxes(data, start + _HEADER, end):
        if kind != path[0]:
            continue
        if len(path) == 1:
            yield child + _HEADER, child_end
        else:
            yield from _inside(data, child, child_end, *path[1:])


def _read_moov(data: bytes, start: int, end: int) -> _Track:
    track = _Track()
    for at, stop in _inside(data, start, end, b"trak", b"mdia", b"mdhd"):
        offset = 20 if data[at : at + 1] == b"\x01" else 12
        track.timescale = _number(data, at + offset, stop)
    for at, stop in _inside(data, start, end, b"mvex", b"trex"):
        track.default_duration = _number(data, at + 12, stop)
    return track


def _read_moof(data: bytes, start: int, end: int, track: _Track) -> tuple[int, int]:
    """Frames in the fragment and the time of its end in the track's time scale."""
    frames = 0
    last = 0
    for kind, child, child_end in split_boxes(data, start + _HEADER, end):
        if kind != b"traf":
            continue
        duration = track.default_duration
        time = 0
        for inner, at, stop in split_boxes(data, child + _HEADER, child_end):
            at += _HEADER
            if inner == b"tfhd":
                duration = _tfhd_duration(data, at, stop, duration)
            elif inner == b"tfdt":
                long = data[at : at + 1] == b"\x01"
                time = _number(data, at + 4, stop, 8 if long else 4)
            elif inner == b"trun":
                count, length = _read_trun(data, at, stop, duration)
                frames += count
                time += length
        last = max(last, time)
    return frames, last


def _tfhd_duration(data: bytes, at: int, stop: int, duration: int) -> int:
    flags = _number(data, at, stop) & 0xFFFFFF
    if not flags & _TFHD_DURATION:
        return duration
    return _number(data, at + 8 + sum(size for bit, size in _TFHD_SKIP if flags & bit), stop)


def _read_trun(data: bytes, at: int, stop: int, duration: int) -> tuple[int, int]:
    """(frames, their length); frames that the box has no room for do not count."""
    flags = _number(data, at, stop) & 0xFFFFFF
    count = _number(data, at + 4, stop)
    at += 8 + sum(size for bit, size in _TRUN_SKIP if flags & bit)
    row = 4 * sum(1 for bit in _TRUN_FIELDS if flags & bit)
    if row:
        count = min(count, max(0, stop - at) // row)
    if not flags & _TRUN_DURATION:
        return count, count * duration
    return count, sum(_number(data, at + index * row, stop) for index in range(count))


def _number(data: bytes, at: int, stop: int, size: int = 4) -> int:
    """A big-endian number; 0 when it doesn't lie before `stop`."""
    return int.from_bytes(data[at : at + size], "big") if at + size <= stop else 0
