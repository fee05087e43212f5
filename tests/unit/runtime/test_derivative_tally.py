"""Every frame that came is in one segment's counts; faces are counted by second."""

from __future__ import annotations

import pytest

from agent.deid.live import Masked, Whole
from agent.runtime.derivative_tally import Tally
from tests.fakes.face_films import picture

SECOND = 1_000_000_000


def masked(
    *, whole: Whole | None = None, masks: int = 0, faces: int | None = None, failed: bool = False
) -> Masked:
    frame = picture(0, None)
    return Masked(frame=frame, pts=0, arrived_ns=0, whole=whole, masks=masks, faces=faces, failed=failed)


def test_counts_of_a_segment() -> None:
    tally = Tally()
    tally.shown(masked(whole=Whole.START, faces=0), 10 * SECOND)
    tally.shown(masked(masks=2, faces=2), 10 * SECOND + 1)
    tally.shown(masked(), 11 * SECOND)
    tally.shown(masked(whole=Whole.DETECTOR, failed=True), 12 * SECOND)
    tally.left_out(masked(faces=3), 12 * SECOND)
    tally.lost(4)
    counts = tally.take()
    assert (counts.seen, counts.masked, counts.dropped) == (4, 3, 5)
    assert (counts.whole_start, counts.whole_detector, counts.whole_picture) == (1, 1, 0)
    assert (counts.asked, counts.failed, counts.faces) == (4, 1, 5)
    assert (counts.boxes_every_s, counts.boxes) == (1, (2, 0, 3))


def test_the_next_segment_begins_from_zero() -> None:
    tally = Tally()
    tally.shown(masked(masks=1, faces=1), 5 * SECOND)
    tally.take()
    counts = tally.take()
    assert (counts.seen, counts.masked, counts.dropped, counts.faces, counts.boxes) == (0, 0, 0, 0, ())


@pytest.mark.parametrize("whole", list(Whole), ids=str)
def test_each_reason_has_its_own_count(whole: Whole) -> None:
    tally = Tally()
    tally.shown(masked(whole=whole), 0)
    counts = tally.take()
    assert getattr(counts, f"whole_{whole.value}") == counts.masked == 1


def test_what_was_dropped_since_the_last_picture_outlives_a_segment() -> None:
    tally = Tally()
    tally.shown(masked(), 0)
    tally.lost(2)
    tally.take()
    assert tally.dropped_since_shown == 2
    tally.shown(masked(), 1)
    assert tally.dropped_since_shown == 0


def test_a_long_segment_has_at_most_six_hundred_places() -> None:
    tally = Tally()
    for second in range(3600):
        tally.shown(masked(faces=second % 7), second * SECOND)
    counts = tally.take()
    assert (counts.boxes_every_s, len(counts.boxes)) == (6, 600)
    assert counts.boxes[0] == 5 and max(counts.boxes) == 6
