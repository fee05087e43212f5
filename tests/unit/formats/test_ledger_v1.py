"""Leaves have one spelling; bundles and tile names are those of tlog-tiles."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.formats.ledger_v1 import (
    MAX_LEAF,
    STD_CLAUSES,
    Leaf,
    LeafType,
    decode_leaf,
    encode_entries,
    encode_leaf,
    is_torn,
    origin,
    split_entries,
    tile_name,
    tile_number,
)
from agent.model.errors import Refuse
from agent.model.times import ClockQuality

LEAF = Leaf(
    box="or-3",
    boot=2,
    n=7,
    wall="2026-11-24T00:20:00.000000Z",
    mono_ns=12_000_000_000,
    clk=ClockQuality.SYNCED,
    type=LeafType.GAP,
    std=("STD 6.2", "STD 7.4 f"),
    actor="agent",
    authority="policy",
    body={"cause": "source-lost", "channel": "ch0"},
)
BYTES = (
    b'{"actor":"agent","authority":"policy","body":{"cause":"source-lost","channel":"ch0"},"boot":2,'
    b'"box":"or-3","clk":"synced","mono_ns":"12000000000","n":7,"std":["STD 6.2","STD 7.4 f"],'
    b'"type":"gap","v":1,"wall":"2026-11-24T00:20:00.000000Z"}'
)


def _refused(data: bytes) -> None:
    with pytest.raises(Refuse) as caught:
        decode_leaf(data)
    assert caught.value.code == "leaf.bad"


def test_the_spelling() -> None:
    assert encode_leaf(LEAF) == BYTES
    assert decode_leaf(BYTES) == LEAF


def test_a_box_that_runs_for_a_year_still_has_a_leaf() -> None:
    """365 days in nanoseconds are more than 2^53, which is why mono_ns is text."""
    year = replace(LEAF, mono_ns=365 * 86_400 * 10**9)
    assert decode_leaf(encode_leaf(year)) == year


@pytest.mark.parametrize(
    "change",
    [
        (b'"n":7', b'"n": 7'),
        (b'"n":7', b'"n":7.0'),
        (b'"n":7', b'"n":-1'),
        (b'"n":7', b'"n":true'),
        (b'"n":7', b'"n":"7"'),
        (b'"n":7', b'"m":0,"n":7'),
        (b'"n":7', b'"n":7,"n":7'),
        (b'"n":7', b'"n":9007199254740992'),
        (b'"n":7,', b""),
        (b'"v":1', b'"v":2'),
        (b'"v":1', b'"v":true'),
        (b'"type":"gap"', b'"type":"gape"'),
        (b'"clk":"synced"', b'"clk":"good"'),
        (b'"box":"or-3"', b'"box":"OR-3"'),
        (b'"mono_ns":"12000000000"', b'"mono_ns":"012"'),
        (b'"mono_ns":"12000000000"', b'"mono_ns":12'),
        (b"00.000000Z", b"00Z"),
        (b'"actor":"agent"', b'"actor":""'),
        (b'"actor":"agent"', b'"actor":"a\\u0001"'),
        (b'"STD 6.2"', b"6"),
        (b'"channel":"ch0"', b'"channel":NaN'),
        (b'"channel":"ch0"', b'"channel":1.5'),
        (b'"channel":"ch0"', b'"channel":"\\ud800"'),
        (b'"channel":"ch0"', b'"channel":' + b"[" * 8000 + b"]" * 8000),
        (b'{"cause":"source-lost","channel":"ch0"}', b"[]"),
        (b"}", b"}\n"),
    ],
)
def test_every_other_spelling_is_refused(change: tuple[bytes, bytes]) -> None:
    assert change[0] in BYTES
    _refused(BYTES.replace(*change))


@pytest.mark.parametrize("data", [b"", b"null", b"[]", b"{}", b"\xff", BYTES[:-1], BYTES + BYTES])
def test_what_is_no_leaf_is_refused(data: bytes) -> None:
    _refused(data)


@pytest.mark.parametrize("value", [1.0, float("nan"), 1 << 53, b"bytes", {1: 2}, object(), {"a": [0.5]}])
def test_bodies_without_one_spelling_are_refused(value: Any) -> None:
    with pytest.raises(Refuse) as caught:
        encode_leaf(replace(LEAF, body={"value": value}))
    assert caught.value.code == "leaf.bad"


def test_the_size_limit_is_exact() -> None:
    room = MAX_LEAF - len(encode_leaf(replace(LEAF, body={"x": ""})))
    assert len(encode_leaf(replace(LEAF, body={"x": "a" * room}))) == MAX_LEAF
    with pytest.raises(Refuse):
        encode_leaf(replace(LEAF, body={"x": "a" * (room + 1)}))
    _refused(encode_leaf(replace(LEAF, body={"x": "a" * room})).replace(b'"aa', b'"aaa'))


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=15,
)


@given(st.dictionaries(st.text(max_size=8), _JSON, max_size=5))
def test_any_body_comes_back(body: dict[str, Any]) -> None:
    leaf = replace(LEAF, body=body)
    assert decode_leaf(encode_leaf(leaf)) == leaf


@given(st.binary(max_size=300))
def test_no_bytes_make_the_decoder_fall(data: bytes) -> None:
    _refused(data)


def test_every_type_has_clauses_and_none_is_forgotten() -> None:
    assert set(STD_CLAUSES) == set(LeafType)
    assert all(clause.startswith("STD ") for clauses in STD_CLAUSES.values() for clause in clauses)


@given(st.lists(st.binary(min_size=1, max_size=50), max_size=10), st.data())
def test_bundles_come_back_and_torn_ones_are_known(entries: list[bytes], data: st.DataObject) -> None:
    bundle = encode_entries(entries)
    assert split_entries(bundle) == (entries, b"")
    cut = data.draw(st.integers(0, len(bundle)))
    found, rest = split_entries(bundle[:cut])
    assert found == entries[: len(found)]
    assert encode_entries(found) + rest == bundle[:cut]
    assert is_torn(rest)


def test_bytes_that_no_power_loss_leaves_are_not_torn() -> None:
    assert not is_torn(b"\xff\xff" + bytes(10))
    assert not is_torn(b"\0\0\0\1")
    for entry in (b"", bytes(MAX_LEAF + 1)):
        with pytest.raises(ValueError, match="entry"):
            encode_entries([entry])


@pytest.mark.parametrize(
    ("level", "number", "width", "name"),
    [
        (None, 0, None, "tile/entries/000"),
        (0, 999, None, "tile/0/999"),
        (1, 1000, None, "tile/1/x001/000"),
        (0, 1234067, None, "tile/0/x001/x234/067"),
        (2, 5, 17, "tile/2/005.p/17"),
    ],
)
def test_tile_names(level: int | None, number: int, width: int | None, name: str) -> None:
    assert tile_name(level, number, width) == name
    if width is None:
        assert tile_number(name.split("/", 2)[2]) == number


@pytest.mark.parametrize("name", ["0", "00", "0000", "x000/001", "001/002", "x001", "001.p/5", "000.new"])
def test_what_is_no_tile_name(name: str) -> None:
    assert tile_number(name) is None


def test_origin() -> None:
    assert origin("or-3") == "edgeward.box/or-3"
    for box in ("", "OR", "a b", "a+b", "a\n", "-a", "a" * 64):
        with pytest.raises(Refuse, match=r"box\.bad-name"):
            origin(box)
