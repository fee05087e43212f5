"""Every case in tests/vectors/ledger-v1 gives the codes that it expects."""

from __future__ import annotations

from pathlib import Path

import pytest
from pymerkle import InmemoryTree

from agent.formats.ledger_v1 import encode_leaf
from agent.ledger.check import check_log, read_leaves

VECTORS = Path(__file__).resolve().parents[2] / "vectors" / "ledger-v1"
CASES = sorted(path.name for path in VECTORS.iterdir() if path.is_dir())


def test_the_cases_are_there() -> None:
    assert "good" in CASES
    assert len(CASES) == 10


@pytest.mark.parametrize("case", CASES)
def test_case(case: str) -> None:
    folder = VECTORS / case
    report = check_log(folder / "log", (folder / "vkey").read_text().strip())
    codes = [problem.code for problem in report.problems] or ["ok"]
    assert codes == (folder / "expected").read_text().split()
    assert report.ok != case.endswith("_fail")


def test_the_good_root_is_that_of_pymerkle() -> None:
    made = InmemoryTree(algorithm="sha256")
    for leaf in read_leaves(VECTORS / "good" / "log"):
        made.append_entry(encode_leaf(leaf))
    assert made.get_root().hex() == check_log(VECTORS / "good" / "log", None).root_hex
