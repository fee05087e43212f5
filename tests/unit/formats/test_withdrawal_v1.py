"""Lists of withdrawn tickets: every vector gives its code, and a list has one spelling."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.formats import withdrawal_v1
from agent.formats.signed_note import parse
from agent.formats.tickets_v1 import MAX_BATCH
from agent.ledger.signing import Verifier
from agent.model.errors import Refuse
from agent.runtime.ticket_withdrawals import signed_withdrawal

VECTORS = Path(__file__).resolve().parents[2] / "vectors" / "ticket-withdrawal-v1"
CASES = sorted(path.parent for path in VECTORS.glob("*/list.withdrawn"))
VERIFIER = Verifier((VECTORS / "vkey").read_text().strip())


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.name)
def test_vectors(case: Path) -> None:
    data, expected = (case / "list.withdrawn").read_bytes(), (case / "expected").read_text().strip()
    if expected != "ok":
        with pytest.raises(Refuse) as caught:
            signed_withdrawal(data, VERIFIER)
        assert caught.value.code == expected
        return
    found = signed_withdrawal(data, VERIFIER)
    assert withdrawal_v1.encode(found) == parse(data, MAX_BATCH).text
    assert withdrawal_v1.is_withdrawal(data)


def test_there_are_vectors() -> None:
    assert len(CASES) == 12


def test_too_large() -> None:
    with pytest.raises(Refuse) as caught:
        signed_withdrawal(bytes(MAX_BATCH + 1), VERIFIER)
    assert caught.value.code == "tickets.too-large"
