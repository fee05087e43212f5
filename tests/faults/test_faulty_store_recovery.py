"""A disk that fails at every single call of a recovery: the second start must do what the first could not.

The vault to be recovered has all that a recovery does: a segment to adopt and another behind it, files that
nobody explains, a torn ledger record, alarms and a recording to close.
"""

from __future__ import annotations

import gc
import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.formats.ledger_v1 import TAIL
from agent.vault.layout import LEDGER, RECORDINGS, segment_name
from tests.fakes.box_lives import BoxLives, Play
from tests.fakes.fault_matrix import (
    AFTERWARDS,
    BOTH,
    Fault,
    Fits,
    Matrix,
    any_call,
    cutting_power,
    failing,
    makes,
    stopping,
    syncs,
    writes,
)
from tests.fakes.faulty_disk import Call, Strike

LIFE = (Play(4), Play(14))
# Stopped when the first segment of the second source is told: one segment is whole, one is open.
LAST_SYNC_OF = segment_name(1)


@pytest.fixture
def matrix(tmp_path: Path) -> Iterator[Matrix]:
    gc.collect()
    gc.freeze()
    yield Matrix(tmp_path)
    gc.unfreeze()


class _Recoveries:
    """Boxes that are to be recovered."""

    def __init__(self, matrix: Matrix) -> None:
        self._matrix = matrix
        whole = matrix.new_box()
        assert whole.live(*LIFE) is None
        self._stop_at = next(
            call.number
            for call in whole.disk.calls
            if call.name == "fdatasync" and call.path.endswith(LAST_SYNC_OF)
        )

    def new_box(self) -> BoxLives:
        box = self._matrix.new_box()
        stopping(Strike.STOP, BOTH, *LIFE)(box, self._stop_at)
        box.disk.strike = lambda _call: None
        [directory] = (box.vault / RECORDINGS).iterdir()
        shutil.copy2(directory / segment_name(1), directory / segment_name(2))
        for path in (directory / "stray.bin", box.vault / RECORDINGS / "stray" / "capsule.age"):
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(path.name.encode() * 9)
            box.must_be_there[hashlib.sha256(path.read_bytes()).hexdigest()] = path.name
        with (box.vault / LEDGER / TAIL).open("ab") as tail:
            tail.write(b"\0\x50torn")
        box.disk.settle()
        return box

    def calls(self) -> list[Call]:
        """Those of the recovery, from the start of the agent until it is ready."""
        box = self.new_box()
        before = len(box.disk.calls)
        assert box.live(*AFTERWARDS) is None
        return box.disk.calls[before : box.ready_at_call]


def _survived(matrix: Matrix, fits: Fits, fault: Fault) -> None:
    recoveries = _Recoveries(matrix)
    matrix.run([call for call in recoveries.calls() if fits(call)], recoveries.new_box, fault)


@pytest.mark.parametrize(
    ("strike", "fits"),
    [(Strike.ENOSPC, makes), (Strike.EIO, any_call), (Strike.SHORT, writes)],
    ids=["no space", "an input-output error", "a short write"],
)
def test_one_call_fails(matrix: Matrix, strike: Strike, fits: Fits) -> None:
    _survived(matrix, fits, failing(strike, *AFTERWARDS))


@pytest.mark.parametrize(
    ("strike", "fits"),
    [(Strike.STOP, any_call), (Strike.TORN, writes)],
    ids=["before the call", "in the middle of it"],
)
def test_a_stop(matrix: Matrix, strike: Strike, fits: Fits) -> None:
    _survived(matrix, fits, stopping(strike, BOTH, *AFTERWARDS))


@pytest.mark.parametrize(
    "names_kept", [False, True], ids=["nothing more is left", "names and sizes are left"]
)
def test_a_power_cut(matrix: Matrix, names_kept: bool) -> None:
    _survived(matrix, syncs, cutting_power(*AFTERWARDS, names_kept=names_kept))
