"""The fail-closed table: whatever goes wrong, no sample of the planted face comes out, or no film does."""

from __future__ import annotations

import os
from pathlib import Path

import av
import pytest

from agent.deid.faces import Face
from agent.deid.offline import Done, deidentify
from agent.deid.tracks import Doubt
from agent.model.errors import AgentError, Retry
from tests.fakes.face_films import (
    NEUTRAL,
    POLICY,
    RedDetector,
    Rgb,
    late,
    most_red,
    policy,
    samples,
    write_film,
)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_film(tmp_path_factory.mktemp("films") / "film.mp4")


def run(film: Path, output: Path, detector: RedDetector, text: str = POLICY) -> Done:
    """The run; no frame that it wrote shows anything of the face."""
    done = deidentify(film, output, policy(text), detector)
    written = samples(output)
    assert len(written) == done.frames > 0
    assert max(most_red(packed) for packed in written) < NEUTRAL
    return done


def refused(film: Path, output: Path, detector: RedDetector, text: str = POLICY) -> str:
    with pytest.raises(AgentError) as caught:
        deidentify(film, output, policy(text), detector)
    assert not output.exists()
    return caught.value.code


def test_a_detector_that_always_fails(film: Path, tmp_path: Path) -> None:
    done = run(film, tmp_path / "out.mp4", RedDetector(range(1000)))
    assert sum(done.whole.values()) == done.frames == 60
    assert done.plan.failures == ("deid.detector",) * 21


@pytest.mark.parametrize("calls", [(0,), (5,), (20,), (3, 4, 5), range(0, 21, 2)], ids=str)
def test_a_detector_that_fails_now_and_then(calls: range, film: Path, tmp_path: Path) -> None:
    error = Retry("deid.detector", "no memory", "wait", after_s=1.0)
    done = run(film, tmp_path / "out.mp4", RedDetector(calls, error))
    assert done.whole[Doubt.DETECTOR] + done.whole[Doubt.START] + done.whole[Doubt.END] >= 2
    assert len(done.plan.failures) == len(calls)


@pytest.mark.parametrize("error", [ValueError("defect"), MemoryError(), KeyboardInterrupt()], ids=repr)
def test_an_error_that_nobody_expected_leaves_no_film(
    error: BaseException, film: Path, tmp_path: Path
) -> None:
    def fail() -> None:
        raise error

    with pytest.raises(type(error)):
        deidentify(film, tmp_path / "out.mp4", policy(), RedDetector(then=fail))
    assert list(tmp_path.iterdir()) == []


def test_a_face_that_the_detector_sees_now_and_then_is_held(tmp_path: Path) -> None:
    """A face that stands still, found on the first, fourth and last of seven looks."""
    still = write_film(tmp_path / "still.mp4", lambda _: (100, 70), frames=20)
    calls = 0

    class Blinking(RedDetector):
        def find(self, rgb: Rgb) -> tuple[Face, ...]:
            nonlocal calls
            calls += 1
            found = super().find(rgb)
            return found if calls in (1, 4, 7) else ()

    run(still, tmp_path / "out.mp4", Blinking())


@pytest.mark.parametrize("place", [0.3, 0.5, 0.8])
@pytest.mark.parametrize("suffix", ["h264", "ts", "mkv"])
def test_damaged_bytes_in_the_middle(suffix: str, place: float, tmp_path: Path) -> None:
    film = write_film(tmp_path / f"film.{suffix}")
    data = bytearray(film.read_bytes())
    start = int(len(data) * place)
    data[start : start + 3000] = os.urandom(3000)
    film.write_bytes(data)
    run(film, tmp_path / "out.mp4", RedDetector())


def test_a_lost_packet_masks_up_to_the_next_key_frame(tmp_path: Path) -> None:
    """Frames 10 to 12 of 60 are zeros in the file; the next key frame is 20."""
    film = write_film(tmp_path / "film.mp4")
    overwrite_packets(film, range(10, 13))
    done = run(film, tmp_path / "out.mp4", RedDetector())
    assert done.plan.lost_packets + done.whole[Doubt.PICTURE] > 0
    assert [
        mask.number for mask in done.plan.masks if mask.doubt is Doubt.PICTURE and mask.number >= 20
    ] == []


def overwrite_packets(film: Path, numbers: range) -> None:
    with av.open(str(film)) as container:
        places = [(packet.pos, packet.size) for packet in container.demux(video=0) if packet.size]
    data = bytearray(film.read_bytes())
    for number in numbers:
        place, size = places[number]
        assert place is not None
        data[place + 5 : place + size] = bytes(size - 5)
    film.write_bytes(data)


def test_a_film_that_was_cut_off(tmp_path: Path) -> None:
    film = write_film(tmp_path / "film.ts")
    film.write_bytes(film.read_bytes()[: film.stat().st_size * 2 // 3])
    run(film, tmp_path / "out.mp4", RedDetector())


def test_pictures_that_change_their_size(tmp_path: Path) -> None:
    first = write_film(tmp_path / "first.h264", late, frames=30)
    second = write_film(tmp_path / "second.h264", frames=30, size=(402, 242))
    both = tmp_path / "both.h264"
    both.write_bytes(first.read_bytes() + second.read_bytes())
    done = run(both, tmp_path / "out.mp4", RedDetector())
    assert done.whole[Doubt.PICTURE] == 30


@pytest.mark.parametrize("call", [0, 10, 20])
def test_a_source_that_changes_while_it_is_read(call: int, tmp_path: Path) -> None:
    film = write_film(tmp_path / "film.mp4")
    other = write_film(tmp_path / "other.mp4", late, frames=50)
    calls = 0

    def swap() -> None:
        nonlocal calls
        if calls == call:
            other.replace(film)
        calls += 1

    assert refused(film, tmp_path / "out.mp4", RedDetector(then=swap)) == "deid.changed"


@pytest.mark.parametrize(
    ("content", "code"),
    [(b"", "deid.source"), (b"no film at all" * 1000, "deid.source"), (None, "deid.source")],
    ids=["empty", "text", "missing"],
)
def test_a_source_that_is_none(content: bytes | None, code: str, tmp_path: Path) -> None:
    film = tmp_path / "film.mp4"
    if content is not None:
        film.write_bytes(content)
    assert refused(film, tmp_path / "out.mp4", RedDetector()) == code


def test_text_that_nobody_can_find(film: Path, tmp_path: Path) -> None:
    text = POLICY.replace('text = false\ntext_absent = "drawn by a test"', "text = true")
    assert refused(film, tmp_path / "out.mp4", RedDetector(), text) == "deid.no-text-detector"


def test_an_approver_who_uses_the_films(film: Path, tmp_path: Path) -> None:
    text = POLICY.replace("teaching staff", "Data Protection  Officer")
    assert refused(film, tmp_path / "out.mp4", RedDetector(), text) == "deid.approver-is-user"


def test_a_disk_that_is_full(film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("agent.deid.offline.os.fsync", full)
    assert refused(film, tmp_path / "out.mp4", RedDetector()) == "disk.full"


def test_the_table_would_see_a_face_that_came_out(film: Path, tmp_path: Path) -> None:
    """The film with no mask at all: what every test above would have found."""

    class Blind(RedDetector):
        def find(self, rgb: Rgb) -> tuple[Face, ...]:
            return ()

    with pytest.raises(AssertionError):
        run(film, tmp_path / "out.mp4", Blind())
