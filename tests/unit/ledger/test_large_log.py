"""A log with more than 65 536 leaves, where the tree has hash tiles of level 1 beyond the first."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.formats.ledger_v1 import BUNDLE, tile_name
from agent.ledger.check import check_log
from agent.ledger.log import Ledger
from agent.ledger.reader import LogReader
from tests.bench.ledger_figures import write_log
from tests.fakes.ledgers import BOX, KEY, gap

COUNT = BUNDLE * BUNDLE + 2 * BUNDLE + 5


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("large") / "log"
    write_log(folder, COUNT)
    return folder


def test_it_is_good_and_goes_on(log: Path) -> None:
    report = check_log(log, KEY.verifier_key)
    assert (report.problems, report.leaves, report.uncheckpointed) == ((), COUNT, 0)
    ledger = Ledger.open(log, BOX, KEY)
    assert (ledger.size, ledger.root_at(COUNT).hex()) == (COUNT, report.root_hex)
    ledger.append_many([gap(1)] * 3)
    reader = LogReader(log)
    assert reader.root_at(COUNT + 3) == ledger.root()
    assert reader.inclusion_proof(7, COUNT + 3) == ledger.inclusion_proof(7)
    ledger.close()


def test_a_changed_tile_of_level_one_is_found(log: Path) -> None:
    path = log / tile_name(1, 1, 2)
    good = path.read_bytes()
    path.write_bytes(good[:33] + bytes([good[33] ^ 1]) + good[34:])
    found = [(one.code, one.index) for one in check_log(log, KEY.verifier_key).problems]
    path.write_bytes(good)
    assert found == [("tile.differs", BUNDLE * BUNDLE + BUNDLE)]
