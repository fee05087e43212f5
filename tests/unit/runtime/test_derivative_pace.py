"""What is left out follows from how late pictures are, evenly first, and comes back with a margin."""

from __future__ import annotations

import pytest

from agent.runtime.derivative_pace import Pace

MS = 1_000_000


def shown(pace: Pace, late_ms: int, pictures: int = 12) -> int:
    pace.late(late_ms * MS)
    return sum(pace.keeps_next() for _ in range(pictures))


@pytest.mark.parametrize(
    ("late_ms", "kept"), [(-5000, 12), (0, 12), (300, 12), (301, 6), (700, 6), (701, 3), (1500, 3)]
)
def test_of_twelve_pictures_so_many_are_shown(late_ms: int, kept: int) -> None:
    pace = Pace()
    assert shown(pace, late_ms) == kept
    assert not pace.is_hopeless


def test_far_behind_nothing_is_managed_until_it_is_clearly_less() -> None:
    pace = Pace()
    pace.late(1501 * MS)
    assert pace.is_hopeless
    pace.late(800 * MS)
    assert pace.is_hopeless
    pace.late(700 * MS)
    assert not pace.is_hopeless


def test_at_a_limit_it_does_not_go_back_and_forth() -> None:
    pace = Pace()
    assert shown(pace, 310) == 6
    assert shown(pace, 290) == 6
    assert shown(pace, 150) == 12
    assert shown(pace, 290) == 12
    assert shown(pace, 710) == 3
    assert shown(pace, 690) == 3
    assert shown(pace, 349) == 6
