"""What a person meets at `edgeward deid-measure`: a table for each profile, or why nothing was measured."""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path

import pytest

from agent.cli.exits import Exit
from agent.cli.verbs import deid_measure
from agent.deid.models import FOLDER
from agent.model.errors import Refuse
from tests.fakes.face_films import POLICY, SIDE, SIZE, RedDetector, walking, write_film


@pytest.fixture
def film(tmp_path: Path) -> Path:
    return write_film(tmp_path / "film.mp4", frames=30)


def arguments(film: Path, tmp_path: Path) -> argparse.Namespace:
    (tmp_path / "policy.toml").write_text(POLICY, encoding="utf-8")
    left, top = walking(10)
    annotation = {
        "format": "edgeward-face-annotation-v1",
        "film_sha256": hashlib.sha256(film.read_bytes()).hexdigest(),
        "width": SIZE[0],
        "height": SIZE[1],
        "method": "drawn by a test",
        "frames": [{"number": 10, "faces": [{"person": 1, "box": [left, top, left + SIDE, top + SIDE]}]}],
    }
    (tmp_path / "faces.json").write_text(json.dumps(annotation), encoding="utf-8")
    parser = argparse.ArgumentParser()
    deid_measure.configure(parser)
    return parser.parse_args(
        [
            str(film), "--annotation", str(tmp_path / "faces.json"), "--policy",
            str(tmp_path / "policy.toml"), "--models", str(tmp_path / FOLDER),
        ]
    )  # fmt: skip


def test_each_profile_has_its_table(
    film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(deid_measure, "load", lambda _folder: b"")
    monkeypatch.setattr(deid_measure, "CenterFace", lambda _model, _profile: RedDetector())
    assert deid_measure.run(arguments(film, tmp_path)) == Exit.OK
    out = capsys.readouterr().out
    assert [line.split(":")[0] for line in out.splitlines() if "masks cover" in line] == ["live", "careful"]
    assert out.count("| 32 to 60 | 1 | 100.0% | 0 | 0 | 0.0% | 1 | 0 |") == 2
    assert out.count("masked whole in doubt: 0; looks that failed: 0") == 2


def test_without_the_model_nothing_is_measured(film: Path, tmp_path: Path) -> None:
    with pytest.raises(Refuse) as caught:
        deid_measure.run(arguments(film, tmp_path))
    assert caught.value.code == "deid.no-model"


@pytest.mark.parametrize("text", ["{}", None])
def test_without_an_annotation_nothing_is_measured(film: Path, tmp_path: Path, text: str | None) -> None:
    given = arguments(film, tmp_path)
    given.annotation.unlink()
    if text is not None:
        given.annotation.write_text(text, encoding="utf-8")
    with pytest.raises(Refuse) as caught:
        deid_measure.run(given)
    assert caught.value.code == "deid.annotation"
    assert caught.value.advice
