"""A disk that fails at every single call of a recording's life, and what the box makes of it.

What must hold after each fault, when the agent has been started again and has stopped: the invariants of
docs/formats/vault-v1.md, `verify` finds nothing to complain of, each picture is recorded or in a gap, and
what was told to be durable is whole.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.box_accounts import problems_of
from tests.fakes.box_lives import Play
from tests.fakes.fault_matrix import (
    AFTERWARDS,
    BOTH,
    Fault,
    Fits,
    Matrix,
    any_call,
    both,
    by,
    cutting_power,
    failing,
    makes,
    stopping,
    syncs,
    writes,
)
from tests.fakes.faulty_disk import CHANNEL, KEEPER, Strike

# Two segments, a camera that goes away and comes back, one more, and a stop.
LIFE = (Play(15), Play(7, stop=True), Play(6, stop=True))


@pytest.fixture
def matrix(tmp_path: Path) -> Iterator[Matrix]:
    # The recorder collects garbage after each segment: as the zygote does, spare it what was there before.
    gc.collect()
    gc.freeze()
    yield Matrix(tmp_path)
    gc.unfreeze()


def _survived(matrix: Matrix, fits: Fits, fault: Fault) -> None:
    box = matrix.new_box()
    assert box.live(*LIFE) is None
    matrix.run([call for call in box.disk.calls if fits(call)], matrix.new_box, fault)


def test_without_a_fault_all_holds(matrix: Matrix) -> None:
    box = matrix.new_box()
    assert box.live(*LIFE) is None
    assert box.live(*AFTERWARDS) is None
    assert len(box.must_be_there) == 4
    box.disk.power_cut()
    assert problems_of(box) == []


@pytest.mark.parametrize(
    ("strike", "fits"),
    [(Strike.ENOSPC, makes), (Strike.EIO, any_call), (Strike.SHORT, writes)],
    ids=["no space", "an input-output error", "a short write"],
)
def test_one_call_fails(matrix: Matrix, strike: Strike, fits: Fits) -> None:
    """Among these are the errors of every sync; what one failed to save, a later one does not save either."""
    _survived(matrix, fits, failing(strike, *LIFE))


def test_the_disk_fails_from_a_call_on(matrix: Matrix) -> None:
    _survived(matrix, any_call, failing(Strike.EIO, *LIFE, for_ever=True))


@pytest.mark.parametrize("strike", [Strike.STOP, Strike.TORN], ids=["before the call", "in the middle of it"])
@pytest.mark.parametrize(
    ("sides", "fits"),
    [(BOTH, any_call), ((CHANNEL,), by(CHANNEL)), ((KEEPER,), by(KEEPER))],
    ids=["everything", "the channel's process", "the keeper"],
)
def test_a_stop(matrix: Matrix, strike: Strike, sides: tuple[str, ...], fits: Fits) -> None:
    _survived(
        matrix,
        both(fits, any_call if strike is Strike.STOP else writes),
        stopping(strike, sides, *LIFE),
    )


@pytest.mark.parametrize(
    "names_kept", [False, True], ids=["nothing more is left", "names and sizes are left"]
)
def test_a_power_cut(matrix: Matrix, names_kept: bool) -> None:
    """Before each sync, which is when most is lost."""
    _survived(matrix, syncs, cutting_power(*LIFE, names_kept=names_kept))
