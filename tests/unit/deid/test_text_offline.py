"""A whole film off line with planted writing: nothing of it comes out; what nobody knows is filled whole."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from agent.deid.boxes import Box
from agent.deid.models import FACES
from agent.deid.offline import Done, deidentify
from agent.deid.report import RunFacts, report_of
from agent.deid.text_model import TEXT
from agent.deid.text_rules import DeviceText
from agent.model.errors import Refuse, Retry
from tests.fakes.face_films import NEUTRAL, RedDetector, Rgb, most_red, policy, samples
from tests.fakes.text_films import HIGH, TEXT_POLICY, WIDE, BlueDetector, most_blue, still, write_text_film

DEVICE = DeviceText(profile="test/known", recognised=True, zones=())


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_text_film(tmp_path_factory.mktemp("films") / "film.mp4")


def run(
    film: Path, output: Path, detector: BlueDetector, device: DeviceText | None = DEVICE
) -> tuple[Done, list[int]]:
    """The run; no frame shows anything of face or writing. Also the luma's spread below the writing."""
    done = deidentify(film, output, policy(TEXT_POLICY), RedDetector(), text=detector, device=device)
    frames = samples(output)
    assert len(frames) == done.frames
    assert max(most_blue(packed) for packed in frames) < NEUTRAL
    assert max(most_red(packed) for packed in frames) < NEUTRAL
    return done, [int(packed[:40, :40].max()) for packed in frames]


def test_the_film_itself_shows_its_writing(film: Path) -> None:
    assert min(most_blue(packed) for packed in samples(film)) > NEUTRAL


def test_writing_is_filled_and_the_rest_stays(film: Path, tmp_path: Path) -> None:
    done, corner = run(film, tmp_path / "out.mp4", BlueDetector())
    left, top = still(0)
    for packed in samples(tmp_path / "out.mp4"):
        assert packed[top : top + HIGH, left : left + WIDE].max() < 40
    assert min(corner) > 60
    assert (done.whole_text, done.whole_device, done.plan.text_asked) == (0, 0, 4)


def test_writing_that_comes_between_two_looks_is_masked_before_it_was_found(tmp_path: Path) -> None:
    """It is there from frame 30 on; looks are at 0, 25, 50, 59."""
    film = write_text_film(tmp_path / "film.mp4", lambda number: (200, 140) if number >= 30 else None)
    run(film, tmp_path / "out.mp4", BlueDetector())


def test_writing_that_moves_is_masked_on_its_way(tmp_path: Path) -> None:
    """A hundred pixels a second: between two looks it stands where neither look saw it."""
    film = write_text_film(tmp_path / "film.mp4", lambda number: (20 + 4 * number, 140))
    run(film, tmp_path / "out.mp4", BlueDetector())


def test_writing_that_is_found_once_stays_masked(film: Path, tmp_path: Path) -> None:
    """Found at the first look only: it is held for three seconds."""

    class Once(BlueDetector):
        def find(self, rgb: Rgb) -> tuple[Box, ...]:
            return super().find(rgb) if self.calls < 2 else ()

    run(film, tmp_path / "out.mp4", Once())


# Two sides a look: the calls 0 and 1 are of the first one.
@pytest.mark.parametrize("calls", [range(100), (0,), (3,), (4,), (7,)], ids=str)
@pytest.mark.parametrize(
    "error", [None, Retry("deid.text-detector", "no memory", "wait", after_s=1.0)], ids=["refuse", "retry"]
)
def test_a_text_detector_that_fails(calls: range, error: Retry | None, film: Path, tmp_path: Path) -> None:
    done, corner = run(film, tmp_path / "out.mp4", BlueDetector(calls, error))
    assert done.whole_text >= 9
    assert sum(value < 40 for value in corner) == done.whole_text
    assert done.plan.text_failures


@pytest.mark.parametrize(
    "device", [None, replace(DEVICE, zones=None, profile="test/other"), replace(DEVICE, recognised=False)],
    ids=["no-device", "mute", "generic"],
)  # fmt: skip
def test_where_nobody_knows_where_the_device_writes_every_picture_is_filled(
    device: DeviceText | None, film: Path, tmp_path: Path
) -> None:
    done, corner = run(film, tmp_path / "out.mp4", BlueDetector(), device)
    assert done.whole_device == done.frames == done.masked == 60
    assert max(corner) < 40


def test_an_error_that_nobody_expected_leaves_no_film(film: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="defect"):
        run(film, tmp_path / "out.mp4", BlueDetector((2,), ValueError("defect")))
    assert list(tmp_path.iterdir()) == []


def test_without_a_text_detector_there_is_no_film(film: Path, tmp_path: Path) -> None:
    with pytest.raises(Refuse) as caught:
        deidentify(film, tmp_path / "out.mp4", policy(TEXT_POLICY), RedDetector(), device=DEVICE)
    assert caught.value.code == "deid.no-text-detector"
    assert list(tmp_path.iterdir()) == []


def test_the_check_would_see_writing_that_came_out(film: Path, tmp_path: Path) -> None:
    class Blind(BlueDetector):
        def find(self, rgb: Rgb) -> tuple[Box, ...]:
            return ()

    with pytest.raises(AssertionError):
        run(film, tmp_path / "out.mp4", Blind())


def test_the_report_says_how_text_was_looked_for(film: Path, tmp_path: Path) -> None:
    done, _ = run(film, tmp_path / "out.mp4", BlueDetector((3,)))
    facts = RunFacts(
        id="0b7a4f0e-6f0d-4c55-9a3e-2d9f3f6f1c11", policy_hash="0" * 64, signed_by="dpo", device="test/known",
        link_hash=None, models=(FACES, TEXT),
    )  # fmt: skip
    report = report_of(done, policy(TEXT_POLICY), facts)
    assert (report.text.looked_for, report.text.sides, report.text.every_s) == (True, (640, 960), 1.0)
    assert (report.text.asked, report.text.failed, report.text.boxes) == (4, 1, 6)
    assert report.text.device == "test/known"
    assert report.frames.whole_text == done.whole_text > 0
    assert [code.code for code in report.dicom] == ["113100", "113101", "113102"]
    assert [model.name for model in report.models] == ["centerface", "pp-ocr-det"]
    assert any("less than 1 s" in line for line in report.limits)
