"""Boxes: splitting, filling, describing; counting must survive any bytes."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.capture.boxes import (
    Counted,
    count_frames_and_end,
    free_box,
    read_description,
    split_boxes,
    uuid_box,
)


def _box(kind: bytes, content: bytes = b"") -> bytes:
    return struct.pack(">I4s", 8 + len(content), kind) + content


def test_split_stops_at_the_first_cut_box() -> None:
    data = _box(b"ftyp", b"isom") + _box(b"free") + _box(b"mdat", bytes(20))[:-1]
    assert list(split_boxes(data)) == [(b"ftyp", 0, 12), (b"free", 12, 20)]


def test_split_reads_large_sizes_and_refuses_impossible_ones() -> None:
    large = struct.pack(">I4sQ", 1, b"mdat", 20) + bytes(4)
    assert list(split_boxes(large)) == [(b"mdat", 0, 20)]
    assert list(split_boxes(struct.pack(">I4s", 7, b"mdat"))) == []
    assert list(split_boxes(struct.pack(">I4sQ", 1, b"mdat", 8) + bytes(4))) == []
    assert list(split_boxes(struct.pack(">I4s", 0, b"mdat") + bytes(9))) == []


@pytest.mark.parametrize("size", [8, 9, 4096])
def test_free_box_has_its_size(size: int) -> None:
    assert list(split_boxes(free_box(size))) == [(b"free", 0, size)]


def test_free_box_below_8_bytes_is_our_mistake() -> None:
    with pytest.raises(ValueError, match="8 bytes"):
        free_box(7)


@given(st.binary(max_size=300))
def test_description_comes_back(content: bytes) -> None:
    data = _box(b"ftyp", b"isom") + _box(b"uuid", bytes(20)) + uuid_box(content) + _box(b"moov")
    assert read_description(data) == content


def test_no_description() -> None:
    assert read_description(_box(b"ftyp") + _box(b"uuid", b"short")) is None
    assert read_description(uuid_box(b"cut off")[:-1]) is None
    assert read_description(b"") is None


_KINDS = st.sampled_from(
    [b"moov", b"moof", b"traf", b"trun", b"tfhd", b"tfdt", b"mdat", b"trak", b"mdia", b"mdhd"]
)
_TREE = st.recursive(
    st.binary(max_size=40),
    lambda inner: st.lists(st.tuples(_KINDS, inner), max_size=4).map(
        lambda boxes: b"".join(_box(kind, content) for kind, content in boxes)
    ),
)


@given(st.one_of(st.binary(max_size=200), _TREE))
def test_counting_survives_any_bytes(data: bytes) -> None:
    counted = count_frames_and_end(data)
    assert 0 <= counted.complete_bytes <= len(data)
    assert counted.frames >= 0


def test_counting_nothing() -> None:
    assert count_frames_and_end(b"") == Counted(0, 0, 0)
