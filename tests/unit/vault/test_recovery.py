"""The plan at boot: every file is explained by a leaf or moved aside, what a crash left gets its leaf,
nothing is deleted, and a plan that was carried out leaves nothing to plan.
"""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.formats.age_v1 import CHUNK
from agent.model.ids import ChannelId, RecordingId
from agent.vault.layout import CAPSULE_NAME, MANIFEST_NAME, segment_name
from agent.vault.recovery import (
    Action,
    AdoptSegment,
    CloseRecording,
    KnownRecording,
    QuarantineFile,
    plan,
)
from agent.vault.store import FoundFile

A, B = RecordingId("a"), RecordingId("b")
CH0 = ChannelId("ch0")
NS = 1_000_000_000
WRITTEN = 1_795_478_400 * NS


def known(
    recording: RecordingId = A, *, entered: int = 0, closed: bool = False, end: int | None = None
) -> dict[RecordingId, KnownRecording]:
    return {
        recording: KnownRecording(
            recording=recording,
            channel=CH0,
            closed=closed,
            next_number=entered,
            last_end_wall_ns=end,
            names={segment_name(number) for number in range(entered)},
        )
    }


def file(path: str, size: int = 9, modified: int = WRITTEN) -> FoundFile:
    return FoundFile(path=f"recordings/{path}", size_bytes=size, modified_wall_ns=modified)


def of(kind: type[Action], actions: Iterable[Action]) -> list[Action]:
    return [action for action in actions if isinstance(action, kind)]


def test_a_clean_vault_needs_nothing() -> None:
    files = [file(f"a/{name}") for name in (CAPSULE_NAME, MANIFEST_NAME, segment_name(0), segment_name(1))]
    assert plan(known(entered=2, closed=True), files) == ()


def test_the_unfinished_segment_of_a_crash_is_adopted_and_its_recording_closed() -> None:
    adopted, closing = plan(known(entered=1), [file("a/capsule.age"), file(f"a/{segment_name(1)}", CHUNK)])
    assert adopted == AdoptSegment(
        recording=A,
        number=1,
        path="recordings/a/00000001.mp4.age",
        size_bytes=CHUNK,
        modified_wall_ns=WRITTEN,
    )
    assert isinstance(closing, CloseRecording)
    assert (closing.recording, closing.channel) == (A, CH0)
    assert closing.end_wall_ns is not None
    assert WRITTEN - 2 * NS <= closing.end_wall_ns <= WRITTEN


def test_a_segment_that_may_hold_no_picture_says_nothing_of_the_time_before_it() -> None:
    """It may have been made after a long pause, by a process that was stopped before it could tell."""
    adopted, closing = plan(
        known(entered=1, end=WRITTEN - 3600 * NS), [file(f"a/{segment_name(1)}", CHUNK - 1)]
    )
    assert isinstance(adopted, AdoptSegment)
    assert isinstance(closing, CloseRecording)
    assert closing.end_wall_ns == WRITTEN - 3600 * NS


def test_the_copy_of_a_segment_that_is_adopted_needs_no_explanation() -> None:
    files = [file(f"a/{segment_name(1)}.new"), file(f"a/{segment_name(1)}"), file(f"a/{segment_name(0)}.new")]
    assert [type(action).__name__ for action in plan(known(entered=1), files)] == [
        "AdoptSegment",
        "QuarantineFile",
        "CloseRecording",
    ]


def test_a_recording_without_files_is_closed_where_its_last_segment_ended() -> None:
    assert plan(known(entered=1, end=WRITTEN), []) == (
        CloseRecording(recording=A, channel=CH0, end_wall_ns=WRITTEN),
    )
    assert plan(known(), []) == (CloseRecording(recording=A, channel=CH0, end_wall_ns=None),)


def test_several_segments_that_the_keeper_did_not_hear_of_are_adopted_in_order() -> None:
    files = [file(f"a/{segment_name(number)}") for number in (3, 1, 2)]
    actions = plan(known(entered=1), files)
    assert [action.number for action in actions if isinstance(action, AdoptSegment)] == [1, 2, 3]


def test_the_order_is_adopt_then_quarantine_then_close() -> None:
    recordings = known(A, entered=0) | known(B, entered=1)
    files = [file("z/x"), file(f"b/{segment_name(1)}"), file("a/what"), file(f"a/{segment_name(0)}")]
    kinds = [
        (type(action).__name__, getattr(action, "recording", None)) for action in plan(recordings, files)
    ]
    assert kinds == [
        ("AdoptSegment", A),
        ("AdoptSegment", B),
        ("QuarantineFile", None),
        ("QuarantineFile", None),
        ("CloseRecording", A),
        ("CloseRecording", B),
    ]


@pytest.mark.parametrize(
    "path",
    ["c/capsule.age", "c/00000000.mp4.age", "stray", "a/deep/00000000.mp4.age", "a", "c/manifest.json.new"],
)
def test_what_no_leaf_opens_is_moved_aside(path: str) -> None:
    assert plan(known(closed=True), [file(path)]) == (
        QuarantineFile(path=f"recordings/{path}", reason="no ledger leaf opens this recording"),
    )


@pytest.mark.parametrize(
    "name", ["what", "00000001.mp4.age.new", "0000001.mp4.age", "capsule.age.new", "00000000.mp4"]
)
def test_what_no_leaf_names_is_moved_aside(name: str) -> None:
    [moved] = of(QuarantineFile, plan(known(entered=1), [file(f"a/{name}")]))
    assert moved == QuarantineFile(path=f"recordings/a/{name}", reason="no ledger leaf names this file")


def test_a_segment_that_came_after_the_end_is_not_adopted() -> None:
    assert plan(known(entered=1, closed=True), [file(f"a/{segment_name(1)}")]) == (
        QuarantineFile(path="recordings/a/00000001.mp4.age", reason="no ledger leaf names this file"),
    )


def test_a_segment_below_the_last_one_without_a_leaf_is_not_adopted() -> None:
    recordings = known(entered=3)
    recordings[A].names.discard(segment_name(1))
    assert of(AdoptSegment, plan(recordings, [file(f"a/{segment_name(1)}")])) == []


def test_a_segment_beyond_a_hole_is_not_adopted() -> None:
    """An honest crash leaves no hole: with a leaf of ours, `verify` would call it tampered for ever."""
    files = [file(f"a/{segment_name(number)}") for number in (1, 99)]
    actions = plan(known(entered=1), files)
    assert [action.number for action in actions if isinstance(action, AdoptSegment)] == [1]
    [moved] = of(QuarantineFile, actions)
    assert isinstance(moved, QuarantineFile)
    assert moved.path == "recordings/a/00000099.mp4.age"


def test_planning_changes_nothing() -> None:
    recordings = known(entered=1)
    before = repr(recordings)
    plan(recordings, [file(f"a/{segment_name(1)}"), file("a/what")])
    assert repr(recordings) == before


NAMES = st.sampled_from(
    [CAPSULE_NAME, MANIFEST_NAME, *map(segment_name, range(5)), "what", "00000002.mp4.age.new", "d/e"]
)
PATHS = st.builds("{}/{}".format, st.sampled_from("abz"), NAMES) | st.sampled_from(["stray", "a"])
RECORDINGS = st.builds(
    lambda a, b: known(A, entered=a[0], closed=a[1]) | known(B, entered=b[0], closed=b[1]),
    st.tuples(st.integers(0, 3), st.booleans()),
    st.tuples(st.integers(0, 3), st.booleans()),
)


@given(RECORDINGS, st.sets(PATHS, max_size=12))
def test_a_plan_that_was_carried_out_explains_every_file_and_leaves_nothing(
    recordings: dict[RecordingId, KnownRecording], paths: set[str]
) -> None:
    files = {path: file(path) for path in sorted(paths)}
    for action in plan(recordings, files.values()):
        match action:
            case AdoptSegment():
                facts = recordings[action.recording]
                assert not facts.closed
                facts.names.add(segment_name(action.number))
                facts.next_number = max(facts.next_number, action.number + 1)
                # Adopting writes the file again, by way of a new copy under this name.
                files.pop(action.path.removeprefix("recordings/") + ".new", None)
            case QuarantineFile():
                del files[action.path.removeprefix("recordings/")]
            case CloseRecording():
                assert not recordings[action.recording].closed
                recordings[action.recording].closed = True
    assert plan(recordings, files.values()) == ()
    assert all(facts.closed for facts in recordings.values())
    for path in files:
        recording, name = path.split("/")
        assert name in (CAPSULE_NAME, MANIFEST_NAME) or name in recordings[RecordingId(recording)].names
