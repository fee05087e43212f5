"""Opening a recording: only what the ledger names and what says where it belongs; each loss is told."""

from __future__ import annotations

import io
import os
import shutil
from pathlib import Path

import pytest

from agent.capture.joiner import count_playable_frames
from agent.model.errors import AgentError, Refuse
from agent.model.outgoing import Json
from agent.runtime.opening import Opened, open_recording_parts, open_recording_to
from agent.seal.recording_key import new_key_pair
from agent.vault.store import sha256_of
from tests.unit.runtime.vaults import FRAMES, Run, SmallBox, enter, write_segment


@pytest.fixture
def box(tmp_path: Path) -> SmallBox:
    return SmallBox(tmp_path)


def opened(box: SmallBox, recording: str) -> tuple[Opened, bytes]:
    output = io.BytesIO()
    found = open_recording_to(box.vault, recording, [box.custodian.identity], output)
    return found, output.getvalue()


def one_with(box: SmallBox, says: dict[str, Json]) -> str:
    """A recording of two segments, the second of which describes itself otherwise; its leaf is honest."""
    with box.running() as run:
        recording = box.begin(run)
        enter(run, recording, write_segment(recording, 0, box.clock), box.clock)
        enter(run, recording, write_segment(recording, 1, box.clock, says=says), box.clock)
    with box.running():
        pass
    assert box.verify().result == "ok"
    return recording.recording


def test_an_honest_recording_opens_whole_and_plays(box: SmallBox) -> None:
    [recording] = box.record(segments=2)
    found, media = opened(box, recording)
    assert found == Opened(frames=2 * FRAMES, segments=2, truncated=0, parts=1, problems=())
    assert count_playable_frames(media) == 2 * FRAMES


def test_a_recording_without_segments_opens_to_nothing(box: SmallBox) -> None:
    [recording] = box.record(segments=0)
    found, media = opened(box, recording)
    assert (found, media) == (Opened(frames=0, segments=0, truncated=0, parts=0, problems=()), b"")


@pytest.mark.parametrize(
    "says",
    [{"number": 0}, {"number": 7}, {"recording": "01a20b87-3fc9-73f8-8307-89737bba7342"}],
)
def test_a_segment_that_says_it_belongs_elsewhere_is_refused_though_its_hash_is_right(
    box: SmallBox, says: dict[str, Json]
) -> None:
    found, media = opened(box, one_with(box, says))
    assert found.problems == ("segment 1: it says that it belongs elsewhere",)
    assert (found.segments, found.frames) == (1, FRAMES)
    assert count_playable_frames(media) == FRAMES


@pytest.mark.parametrize("says", [{"number": "x"}, {"start_ns": None}, {"number": [1]}])
def test_a_segment_that_does_not_say_what_it_is_is_refused(box: SmallBox, says: dict[str, Json]) -> None:
    found, _ = opened(box, one_with(box, says))
    assert found.problems == ("segment 1: it does not say what it is",)
    assert found.segments == 1


def test_another_version_of_the_description_is_refused(box: SmallBox) -> None:
    """docs/formats/sealed-v1.md: readers MUST refuse another `v`."""
    found, _ = opened(box, one_with(box, {"v": 2}))
    assert found.segments == 1
    assert len(found.problems) == 1


def test_a_changed_file_is_left_out_and_told(box: SmallBox) -> None:
    [recording] = box.record(segments=2)
    path = box.file(recording, 0)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    found, media = opened(box, recording)
    assert found.problems == ("segment 0: its file is not the one in the ledger",)
    assert count_playable_frames(media) == FRAMES


def test_a_missing_file_is_left_out_and_told(box: SmallBox) -> None:
    [recording] = box.record(segments=2)
    box.file(recording, 1).unlink()
    found, _ = opened(box, recording)
    assert found.problems == ("segment 1: its file is missing",)
    assert found.frames == FRAMES


def test_a_file_of_another_recording_is_left_out_though_both_are_ours(box: SmallBox) -> None:
    one, other = box.record(recordings=2, segments=1)
    shutil.copyfile(box.file(other, 0), box.file(one, 0))
    found, media = opened(box, one)
    assert found.problems == ("segment 0: its file is not the one in the ledger",)
    assert media == b""


def crashed(box: SmallBox, *, keep: float, seconds: float, zeros: int = 0) -> str:
    """A recording whose second segment a crash cut to a part of its file."""
    with box.running() as run:
        recording = box.begin(run)
        enter(run, recording, write_segment(recording, 0, box.clock), box.clock)
        write_segment(recording, 1, box.clock, finish=False, seconds=seconds)
        path = box.file(recording.recording, 1)
        os.truncate(path, round(path.stat().st_size * keep))
        os.truncate(path, path.stat().st_size + zeros)
    with box.running():
        pass
    assert box.verify().result == "ok"
    return recording.recording


def test_the_verified_prefix_of_an_unfinished_segment_is_used(box: SmallBox) -> None:
    found, media = opened(box, crashed(box, keep=0.6, seconds=4))
    assert (found.segments, found.truncated, found.problems) == (2, 1, ())
    assert FRAMES < found.frames < FRAMES + 100
    assert found.frames % 5 == 0  # whole fragments of 0.2 s
    assert count_playable_frames(media) == found.frames


def test_zeros_that_a_power_cut_left_cost_no_picture_before_them(box: SmallBox) -> None:
    found, media = opened(box, crashed(box, keep=0.6, seconds=4, zeros=200_000))
    assert (found.segments, found.truncated, found.problems) == (2, 1, ())
    assert FRAMES < found.frames < FRAMES + 100
    assert count_playable_frames(media) == found.frames


def test_an_unfinished_segment_too_short_for_a_frame_is_no_problem(box: SmallBox) -> None:
    found, _ = opened(box, crashed(box, keep=0.001, seconds=1))
    assert (found.segments, found.truncated, found.frames, found.problems) == (1, 0, FRAMES, ())


def test_the_key_of_a_stranger_opens_nothing(box: SmallBox) -> None:
    [recording] = box.record(segments=1)
    stranger = new_key_pair(os.urandom)
    output = io.BytesIO()
    with pytest.raises(Refuse) as caught:
        open_recording_to(box.vault, recording, [stranger.identity], output)
    assert caught.value.code == "seal.no-matching-key"
    assert output.getvalue() == b""
    assert stranger.identity not in str(caught.value)


def test_a_segment_sealed_to_another_recording_is_left_out(box: SmallBox) -> None:
    def swap(run: Run) -> str:
        one, other = box.begin(run), box.begin(run)
        write_segment(other, 0, box.clock, says={"recording": one.recording})
        path = box.file(one.recording, 0)
        box.file(other.recording, 0).rename(path)
        stored = write_segment(other, 0, box.clock)
        enter(run, other, stored, box.clock)
        body = stored.__class__(
            recording=stored.recording,
            number=0,
            name=path.name,
            size_bytes=path.stat().st_size,
            sha256=sha256_of(path),
            final=True,
        )
        enter(run, one, body, box.clock)
        return one.recording

    with box.running() as run:
        recording = swap(run)
    with box.running():
        pass
    found, media = opened(box, recording)
    assert found.problems == ("segment 0: none of the given identities opens this file",)
    assert media == b""


def test_a_recording_that_is_not_there(box: SmallBox) -> None:
    box.record()
    with pytest.raises(Refuse) as caught:
        opened(box, "01a20b87-3fc9-73f8-8307-89737bba7342")
    assert caught.value.code == "open.no-recording"
    assert caught.value.advice == "see: edgeward recordings"


@pytest.mark.parametrize(
    "name",
    ["", "..", "../..", "x", "01A20B87-3FC9-73F8-8307-89737BBA7342", "01a20b87-3fc9-43f8-8307-89737bba7342"],
)
def test_what_is_no_id_is_refused_before_the_disk_is_touched(tmp_path: Path, name: str) -> None:
    with pytest.raises(Refuse) as caught:
        open_recording_parts(tmp_path / "nothing", name, [], lambda _part: io.BytesIO())
    assert caught.value.code == "open.bad-id"


def test_a_damaged_capsule(box: SmallBox) -> None:
    [recording] = box.record()
    capsule = box.directory(recording) / "capsule.age"
    capsule.write_bytes(capsule.read_bytes()[:-1])
    with pytest.raises(AgentError) as caught:
        opened(box, recording)
    assert caught.value.code == "open.changed"


def test_a_capsule_of_another_recording_is_not_even_tried(box: SmallBox) -> None:
    one, other = box.record(recordings=2)
    capsule = box.directory(other) / "capsule.age"
    (box.directory(one) / "capsule.age").write_bytes(capsule.read_bytes())
    with pytest.raises(AgentError) as caught:
        opened(box, one)
    assert (caught.value.code, "capsule" in caught.value.text) == ("open.changed", True)
