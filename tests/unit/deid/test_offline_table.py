"""The fail-closed table of `edgeward deid`: each fault ends with no film, or with one that shows nothing.

What is compared are the output's pixels under the annotation: the planted face and the planted writing, whose
places on each frame are known (`walking`, `still`). A detector that is slow has no row: off line the film
waits for it, so that it changes nothing but the time; the live engine's table has that row.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from agent.cli.main import main
from agent.cli.verbs import deid
from agent.deid import models
from agent.deid.models import FACES, FOLDER, PinnedModel
from agent.deid.text_model import TEXT
from tests.fakes.face_films import NEUTRAL, SIDE, RedDetector, most_red, samples, walking, write_film
from tests.fakes.text_films import HIGH, TEXT_POLICY, WIDE, BlueDetector, most_blue, still, write_text_film

FRAMES = 60
DEVICE = "hikvision/any-camera"
POLICY = TEXT_POLICY.replace("test/known", DEVICE)


@dataclass(slots=True)
class Bench:
    """One run: what a row may spoil."""

    folder: Path
    film: Path
    policy: str = POLICY
    device: str | None = DEVICE
    faces: RedDetector = field(default_factory=RedDetector)
    text: BlueDetector = field(default_factory=BlueDetector)
    spoil_models: Callable[[Path], None] | None = None

    def run(self, monkeypatch: pytest.MonkeyPatch) -> int:
        (self.folder / "policy.toml").write_text(self.policy, encoding="utf-8")
        (self.folder / FOLDER).mkdir()
        if self.spoil_models is None:
            monkeypatch.setattr(deid, "load", lambda _folder, _model=FACES: b"")
        else:
            for pinned in (FACES, TEXT):
                (self.folder / FOLDER / pinned.file).write_bytes(b"model")
            monkeypatch.setattr(deid, "load", _load_any)
            self.spoil_models(self.folder / FOLDER)
        monkeypatch.setattr(deid, "CenterFace", lambda _model, _profile: self.faces)
        monkeypatch.setattr(deid, "PpOcr", lambda _model: self.text)
        device = () if self.device is None else ("--device", self.device)
        return main(
            ["deid", str(self.film), "--policy", str(self.folder / "policy.toml"),
             "-o", str(self.folder / "out.mp4"), "--report", str(self.folder / "out.json"),
             "--models", str(self.folder / FOLDER), *device]
        )  # fmt: skip


def _load_any(folder: Path, pinned: PinnedModel = FACES) -> bytes:
    """The real check, against the hash of the test's own bytes."""
    return models.load(folder, replace(pinned, file_hash=sha256(b"model").hexdigest()))


def face_model_missing(bench: Bench) -> None:
    bench.spoil_models = lambda folder: (folder / FACES.file).unlink()


def text_model_missing(bench: Bench) -> None:
    bench.spoil_models = lambda folder: (folder / TEXT.file).unlink()


def face_model_of_another_hash(bench: Bench) -> None:
    bench.spoil_models = lambda folder: _overwrite(folder / FACES.file)


def text_model_of_another_hash(bench: Bench) -> None:
    bench.spoil_models = lambda folder: _overwrite(folder / TEXT.file)


def _overwrite(path: Path) -> None:
    path.write_bytes(b"another model")


def face_detector_raises(bench: Bench) -> None:
    bench.faces = RedDetector(range(1000))


def face_detector_raises_once(bench: Bench) -> None:
    bench.faces = RedDetector((10,))


def text_detector_raises(bench: Bench) -> None:
    bench.text = BlueDetector(range(1000))


def text_detector_raises_once(bench: Bench) -> None:
    bench.text = BlueDetector((3,))


def face_detector_has_a_defect(bench: Bench) -> None:
    bench.faces = RedDetector((10,), RuntimeError("defect"))


def text_detector_has_a_defect(bench: Bench) -> None:
    bench.text = BlueDetector((3,), RuntimeError("defect"))


def garbage_frames(bench: Bench) -> None:
    """A stretch of the stream in the middle is noise."""
    bench.film = write_text_film(bench.folder / "garbage.h264")
    data = bytearray(bench.film.read_bytes())
    start = len(data) // 2
    data[start : start + 4000] = np.random.default_rng(4).bytes(4000)
    bench.film.write_bytes(data)


def size_changes(bench: Bench) -> None:
    first = write_text_film(bench.folder / "first.h264", frames=FRAMES // 2)
    second = write_film(bench.folder / "second.h264", frames=FRAMES // 2, size=(402, 242))
    bench.film = bench.folder / "both.h264"
    bench.film.write_bytes(first.read_bytes() + second.read_bytes())


def device_not_named(bench: Bench) -> None:
    bench.device = None


def device_unknown(bench: Bench) -> None:
    bench.device = "generic/generic-rtsp"


def device_not_in_the_set(bench: Bench) -> None:
    bench.device = "nobody/nothing"


def no_policy(bench: Bench) -> None:
    bench.policy = ""


def unapproved_policy(bench: Bench) -> None:
    bench.policy = POLICY.replace('by = "data protection officer"\n', "")


def approved_by_a_user(bench: Bench) -> None:
    bench.policy = POLICY.replace("teaching staff", "data protection officer")


NO_FILM = (
    (face_model_missing, "deid.no-model"),
    (text_model_missing, "deid.no-model"),
    (face_model_of_another_hash, "deid.model-hash"),
    (text_model_of_another_hash, "deid.model-hash"),
    (device_not_in_the_set, "profiles.none"),
    (no_policy, "deid.unapproved"),
    (unapproved_policy, "deid.unapproved"),
    (approved_by_a_user, "deid.approver-is-user"),
)
# The field of the report's `frames` that counts what was masked whole, and how many at least.
WHOLE = (
    (face_detector_raises, "whole_detector", FRAMES - 25),
    (face_detector_raises_once, "whole_detector", 5),
    (text_detector_raises, "whole_text", FRAMES),
    (text_detector_raises_once, "whole_text", 20),
    (garbage_frames, "whole_picture", 1),
    (size_changes, "whole_picture", FRAMES // 2),
    (device_not_named, "whole_device", FRAMES),
    (device_unknown, "whole_device", FRAMES),
)
DEFECTS = (face_detector_has_a_defect, text_detector_has_a_defect)


def name(row: object) -> str:
    return getattr(row, "__name__", str(row))


@pytest.fixture
def bench(tmp_path: Path, film: Path) -> Bench:
    return Bench(folder=tmp_path, film=film)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_text_film(tmp_path_factory.mktemp("films") / "film.mp4")


def shown(frames: list[NDArray[np.uint8]]) -> int:
    """On how many frames anything of face or writing can be seen."""
    return sum(max(most_red(packed), most_blue(packed)) >= NEUTRAL for packed in frames)


def written(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("out*"))


def test_without_a_fault_what_is_annotated_is_black_and_the_rest_is_not(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert bench.run(monkeypatch) == 0
    frames = samples(bench.folder / "out.mp4")
    assert (len(frames), shown(frames)) == (FRAMES, 0)
    for number, packed in enumerate(frames):
        for (left, top), wide, high in ((walking(number), SIDE, SIDE), (still(number), WIDE, HIGH)):
            assert packed[top : top + high, left : left + wide].max() < 40
        assert packed[112:130, 150:180].min() > 40  # below the face, beside the writing


@pytest.mark.parametrize(("spoil", "code"), NO_FILM, ids=name)
def test_no_film(
    spoil: Callable[[Bench], None], code: str, bench: Bench, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    spoil(bench)
    assert bench.run(monkeypatch) != 0
    assert f"[{code}]" in capsys.readouterr().err
    assert written(bench.folder) == []


@pytest.mark.parametrize("spoil", DEFECTS, ids=name)
def test_no_film_after_a_defect(
    spoil: Callable[[Bench], None], bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoil(bench)
    with pytest.raises(RuntimeError, match="defect"):
        bench.run(monkeypatch)
    assert written(bench.folder) == []


@pytest.mark.parametrize(("spoil", "counted", "least"), WHOLE, ids=name)
def test_a_film_that_shows_nothing(
    spoil: Callable[[Bench], None], counted: str, least: int, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoil(bench)
    assert bench.run(monkeypatch) == 1  # written, and told
    frames = samples(bench.folder / "out.mp4")
    assert shown(frames) == 0
    report = json.loads((bench.folder / "out.json").read_text(encoding="utf-8"))
    assert report["frames"][counted] >= least
    black = sum(packed[: packed.shape[0] * 2 // 3].max() < 40 for packed in frames)
    assert black >= report["frames"][counted]
    assert report["frames"]["written"] == len(frames)


def test_the_table_would_see_what_came_out(film: Path) -> None:
    assert shown(samples(film)) == FRAMES
