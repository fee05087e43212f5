"""Ticket batches: every vector gives the code that it expects; one spelling; later fields survive."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from agent.formats import tickets_v1
from agent.formats.tickets_v1 import MAX_BATCH, MAX_BOXES, MAX_TICKETS, Batch, Ticket
from agent.ledger.signing import Verifier
from agent.model.errors import Refuse
from agent.model.times import from_rfc3339
from agent.runtime.ticket_batches import check_batch, signed_batch

VECTORS = Path(__file__).resolve().parents[2] / "vectors" / "tickets-v1"
CASES = sorted(path.name for path in VECTORS.iterdir() if path.is_dir())
VERIFIER = Verifier((VECTORS / "vkey").read_text().strip())
NOW_NS = from_rfc3339((VECTORS / "now").read_text().strip())
BOX = (VECTORS / "box").read_text().strip()


def note(case: str) -> bytes:
    return (VECTORS / case / "batch.tickets").read_bytes()


def good(case: str = "good") -> Batch:
    return signed_batch(note(case), VERIFIER)


def code_of(text: str) -> str:
    with pytest.raises(Refuse) as caught:
        tickets_v1.decode(text)
    return caught.value.code


def test_the_cases_are_there() -> None:
    assert len(CASES) == 32
    assert sum(case.endswith("_fail") for case in CASES) == 26


@pytest.mark.parametrize("case", CASES)
def test_case(case: str) -> None:
    try:
        check_batch(note(case), VERIFIER, BOX, NOW_NS)
        found = "ok"
    except Refuse as error:
        found = error.code
        assert error.advice
        assert "age1" not in error.text + error.advice
    assert found == (VECTORS / case / "expected").read_text().strip()
    assert (found == "ok") != case.endswith("_fail")


@pytest.mark.parametrize("case", [case for case in CASES if not case.endswith("_fail")])
def test_a_batch_has_one_spelling_with_the_fields_of_later_versions(case: str) -> None:
    text = VERIFIER.verify(note(case), MAX_BATCH).text
    assert tickets_v1.encode(tickets_v1.decode(text)) == text


def test_the_fields_of_later_versions_are_kept_apart() -> None:
    batch = good("good_unknown_fields")
    assert batch.extra == {"issued_by": {"person": "officer 7", "place": ["A", 1]}}
    assert [ticket.extra for ticket in batch.tickets] == [{}, {"shelf": "B"}, {}]


def test_every_byte_of_the_text_is_signed() -> None:
    data = note("good")
    for place in range(0, data.index(b"\n"), 37):
        changed = bytearray(data)
        changed[place] ^= 1
        with pytest.raises(Refuse) as caught:
            signed_batch(bytes(changed), VERIFIER)
        assert caught.value.code in ("tickets.forged", "tickets.bad")


def test_the_limits_are_just_so() -> None:
    batch = good()
    most = tuple(
        Ticket(id=f"01a20b87-3fc9-73f8-8307-{number:012x}", recipient=f"age1{number}")
        for number in range(MAX_TICKETS + 1)
    )
    tickets_v1.encode(replace(batch, tickets=most[:-1]))
    boxes = tuple(f"b{number}" for number in range(MAX_BOXES + 1))
    tickets_v1.encode(replace(batch, boxes=boxes[:-1]))
    for over in (replace(batch, tickets=most), replace(batch, boxes=boxes)):
        with pytest.raises(Refuse) as caught:
            tickets_v1.encode(over)
        assert caught.value.code == "tickets.bad"
    with pytest.raises(Refuse) as caught:
        signed_batch(note("good") + bytes(MAX_BATCH), VERIFIER)
    assert caught.value.code == "tickets.too-large"


@pytest.mark.parametrize("text", ["", "[]\n", "{}\n", "null\n", '"x"\n', "[" * 100_000, "{\n", '{"v":1e0}\n'])
def test_what_is_no_batch_at_all_is_refused(text: str) -> None:
    assert code_of(text) in ("tickets.bad", "tickets.version")


def test_the_boxes_of_a_scope_share_a_batch_without_overlap() -> None:
    batch = replace(good(), boxes=("or-3", "ward-3"))
    first, second, third = batch.tickets
    assert batch.share_of("or-3") == (first, third)
    assert batch.share_of("ward-3") == (second,)
    assert batch.share_of("ward-4") == ()


def test_validity_begins_and_ends_sharply() -> None:
    batch = good()
    assert batch.valid_at(batch.not_before_ns)
    assert batch.valid_at(batch.not_after_ns - 1)
    assert not batch.valid_at(batch.not_before_ns - 1)
    assert not batch.valid_at(batch.not_after_ns)
