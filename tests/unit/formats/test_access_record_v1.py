"""Access records: the vectors, one spelling, and no room for anything else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.formats import access_record_v1
from agent.formats.access_record_v1 import MAX_PURPOSE, TAG, AccessRecord, bad_purpose
from agent.formats.ledger_v1 import MAX_LEAF
from agent.formats.signed_note import parse
from agent.model.errors import Refuse
from agent.runtime.access_records import verify_record

VECTORS = Path(__file__).parents[2] / "vectors" / "access-record-v1"
CASES = sorted(path.parent for path in VECTORS.glob("*/record.note"))
FINISHED = parse((VECTORS / "finished" / "record.note").read_bytes()).text


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.name)
def test_vectors(case: Path) -> None:
    data, vkey = (case / "record.note").read_bytes(), (VECTORS / "vkey").read_text().strip()
    expected = (case / "expected").read_text().strip()
    if expected != "ok":
        with pytest.raises(Refuse) as caught:
            verify_record(data, vkey)
        assert caught.value.code == expected
        return
    record = verify_record(data, vkey)
    assert access_record_v1.encode(record) == parse(data).text
    assert (record.result is None) == (case.name == "begun")


def test_there_are_vectors() -> None:
    assert len(CASES) >= 15


@given(st.text(max_size=300))
def test_a_purpose_that_the_door_takes_fits_into_record_and_leaf(purpose: str) -> None:
    document = {**json.loads(FINISHED.removeprefix(TAG)), "purpose": purpose}
    if bad_purpose(purpose) is not None:
        with pytest.raises(Refuse):
            access_record_v1.from_args(document)
        return
    assert len(purpose) <= MAX_PURPOSE
    record = access_record_v1.from_args(document)
    assert access_record_v1.decode(access_record_v1.encode(record)) == record
    assert len(access_record_v1.encode(record).encode()) < MAX_LEAF / 2


@given(st.integers(0, len(FINISHED) - 1), st.characters())
def test_another_spelling_is_refused_or_says_something_else(at: int, letter: str) -> None:
    changed = FINISHED[:at] + letter + FINISHED[at + 1 :]
    try:
        found = access_record_v1.decode(changed)
    except Refuse as error:
        assert error.code in ("access.bad", "access.version")
        return
    assert isinstance(found, AccessRecord)
    assert access_record_v1.encode(found) == changed


@pytest.mark.parametrize("text", ["", TAG, TAG + "{}\n", TAG + "[]\n", TAG + "{" * 5000, "x" * 9000])
def test_what_is_no_record(text: str) -> None:
    with pytest.raises(Refuse) as caught:
        access_record_v1.decode(text)
    assert caught.value.code in ("access.bad", "access.version")
