"""A whole film off line with a fake detector: what comes out holds no face, else it is the same film."""

from __future__ import annotations

import hashlib
from pathlib import Path

import av
import numpy as np
import pytest

from agent.deid.models import FACES
from agent.deid.offline import Done, deidentify
from agent.deid.report import RunFacts, report_of
from agent.deid.tracks import Doubt
from agent.formats.deid_report_v1 import encode
from agent.model.errors import Refuse
from tests.fakes.face_films import (
    NEUTRAL,
    POLICY,
    SIDE,
    SIZE,
    RedDetector,
    late,
    most_red,
    policy,
    samples,
    walking,
    write_film,
)

MOSAIC = POLICY.replace('"fill"', '"mosaic"')
ZONE = POLICY.replace('text_absent = "drawn by a test"\n', "") + (
    '\n[[zone]]\nx = "0"\ny = "0"\nwidth = "1/4"\nheight = "1/6"\n'
)
SECRET = "ZHANG-SAN-4711"


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("films")
    return write_film(folder / "film.mp4", tags={"title": SECRET, "comment": SECRET}, audio=True)


def run(film: Path, tmp_path: Path, text: str = POLICY) -> tuple[Done, Path]:
    output = tmp_path / "out.mp4"
    return deidentify(film, output, policy(text), RedDetector()), output


def test_the_film_itself_shows_its_face(film: Path) -> None:
    assert min(most_red(packed) for packed in samples(film)) > NEUTRAL


def test_no_sample_of_the_face_comes_out_and_the_rest_stays(film: Path, tmp_path: Path) -> None:
    done, output = run(film, tmp_path)
    before, after = samples(film), samples(output)
    assert len(after) == len(before) == done.frames == done.masked == 60
    height = SIZE[1]
    for number, (old, new) in enumerate(zip(before, after, strict=True)):
        assert most_red(new) < NEUTRAL
        left, top = walking(number)
        assert new[top : top + SIDE, left : left + SIDE].max() < 40  # black, as far as a codec keeps it
        far = np.abs(new[height - 40 : height, :].astype(int) - old[height - 40 : height, :])
        assert far.mean() < 4
    assert sum(done.whole.values()) == 0


def test_a_mosaic_leaves_at_most_sixteen_cells(film: Path, tmp_path: Path) -> None:
    _, output = run(film, tmp_path, MOSAIC)
    left, top = walking(30)
    packed = samples(output)[30][top : top + SIDE, left : left + SIDE].astype(int)
    original = samples(film)[30][top : top + SIDE, left : left + SIDE].astype(int)
    # The checks of five pixels, 20 apart, are gone: neighbours within a cell differ by what the codec adds.
    assert np.median(np.abs(np.diff(original, axis=1)).max(axis=1)) > 12
    assert np.median(np.abs(np.diff(packed, axis=1))) <= 1


def test_zones_are_filled_on_every_frame(film: Path, tmp_path: Path) -> None:
    _, output = run(film, tmp_path, ZONE)
    for packed in samples(output):
        assert packed[: SIZE[1] // 6, : SIZE[0] // 4].max() < 40


def test_size_times_and_rate_stay_and_all_else_is_gone(film: Path, tmp_path: Path) -> None:
    _, output = run(film, tmp_path)
    with av.open(str(film)) as old, av.open(str(output)) as new:
        assert [stream.type for stream in new.streams] == ["video"]
        source, video = old.streams.video[0], new.streams.video[0]
        assert (video.width, video.height) == SIZE
        assert video.average_rate == source.average_rate
        times = [frame.time for frame in new.decode(video)]
        assert times == [frame.time for frame in old.decode(source)]
        assert "title" not in new.metadata
        assert "comment" not in new.metadata
    data = output.read_bytes()
    assert SECRET.encode() in film.read_bytes()
    for word in (SECRET, "x264", "Lavf", "Lavc"):
        assert word.encode() not in data


def test_no_unit_of_the_stream_is_sei(film: Path, tmp_path: Path) -> None:
    """ISO/IEC 14496-10, table 7-1: 6 is SEI, 1 and 5 are pictures."""
    _, output = run(film, tmp_path)
    assert 6 in units(film)
    assert units(output) == {1, 5}


def units(path: Path) -> set[int]:
    found = set()
    with av.open(str(path)) as container:
        for packet in container.demux(video=0):
            data = bytes(packet)
            place = 0
            while place < len(data):
                length = int.from_bytes(data[place : place + 4], "big")
                found.add(data[place + 4] & 31)
                place += 4 + length
    return found


def test_a_face_that_comes_later_is_masked_before_it_was_found(tmp_path: Path) -> None:
    """It is there from frame 40 on, and is looked for on 39 and 42."""
    film = write_film(tmp_path / "late.mp4", late)
    done, output = run(film, tmp_path)
    after = samples(output)
    assert max(most_red(packed) for packed in after) < NEUTRAL
    assert done.whole[Doubt.START] == 25
    left, top = 100, 70
    assert after[33][top : top + SIDE, left : left + SIDE].max() < 40
    assert after[28][top : top + SIDE, left : left + SIDE].max() > 60


def test_the_report_says_what_was_done(film: Path, tmp_path: Path) -> None:
    done, output = run(film, tmp_path)
    facts = RunFacts(
        id="0b7a4f0e-6f0d-4c55-9a3e-2d9f3f6f1c11",
        policy_hash="0" * 64,
        signed_by=None,
        device=None,
        link_hash=None,
        models=(FACES,),
    )
    report = report_of(done, policy(), facts)
    assert report.output_sha256 == hashlib.sha256(output.read_bytes()).hexdigest()
    assert (report.frames.written, report.frames.masked, report.faces.asked) == (60, 60, 21)
    assert (report.faces.boxes, report.faces.boxes_per_second) == (21, (1, 1, 1))
    assert report.policy.approved_by == "data protection officer"
    assert (report.policy.approval, report.policy.signed_by) == ("stated", None)
    assert [code.code for code in report.dicom] == ["113100", "113102"]
    assert report.models[0].sha256 == FACES.file_hash
    assert report.removed[0] == "sound: 1 stream"
    assert any("missed" in line for line in report.limits)
    text = encode(report).decode()
    assert SECRET not in text
    assert film.name not in text


def test_the_output_is_never_written_over(film: Path, tmp_path: Path) -> None:
    (tmp_path / "out.mp4").write_bytes(b"mine")
    with pytest.raises(Refuse) as caught:
        run(film, tmp_path)
    assert caught.value.code == "file.exists"
    assert (tmp_path / "out.mp4").read_bytes() == b"mine"
