"""The quick look at a leaf's spelling says the same as RFC 8785's reference, for every JSON we can make."""

from __future__ import annotations

import json
from typing import Any

import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from agent.formats.ledger_v1 import STD_CLAUSES, Leaf, LeafType, _is_canonical, decode_leaf, encode_leaf
from agent.model.errors import Refuse
from agent.model.times import ClockQuality

# Characters that JSON encoders treat differently: escapes, DEL, line separators, beyond the BMP, surrogates.
HARD = st.text(st.sampled_from('aZ"\\/\b\f\n\r\t\x00\x1f\x7f\u00e4\u2028\uffff\U0001f600'), max_size=6)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(1 << 53) + 1, (1 << 53) - 1) | HARD,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(HARD, inner, max_size=4),
    max_leaves=8,
)
DOCUMENTS = st.dictionaries(HARD, VALUES, max_size=5)


@given(DOCUMENTS, st.booleans(), st.booleans(), st.booleans())
def test_it_agrees_with_the_reference_on_every_spelling(
    document: dict[str, Any], in_order: bool, in_ascii: bool, tight: bool
) -> None:
    separators = (",", ":") if tight else (", ", ": ")
    text = json.dumps(document, sort_keys=in_order, ensure_ascii=in_ascii, separators=separators)
    data = text.encode()
    assert _is_canonical(document, text, data) == (rfc8785.dumps(document) == data)


@given(DOCUMENTS)
def test_the_references_own_spelling_is_taken(document: dict[str, Any]) -> None:
    data = rfc8785.dumps(document)
    assert _is_canonical(document, data.decode(), data)


@given(DOCUMENTS, st.integers(0, 400), st.binary(min_size=1, max_size=2))
def test_a_leaf_with_other_bytes_is_another_leaf_or_none(body: dict[str, Any], at: int, other: bytes) -> None:
    """No two byte strings are one leaf."""
    good = encode_leaf(
        Leaf(
            box="or-3", boot=1, n=7, wall="2026-11-24T00:00:00.000000Z", mono_ns=5, clk=ClockQuality.SYNCED,
            type=LeafType.GAP, std=STD_CLAUSES[LeafType.GAP], actor="agent", authority="policy", body=body,
        )
    )  # fmt: skip
    changed = good[: at % len(good)] + other + good[at % len(good) + len(other) :]
    try:
        leaf = decode_leaf(changed)
    except Refuse as error:
        assert error.code == "leaf.bad"
    else:
        assert encode_leaf(leaf) == changed
