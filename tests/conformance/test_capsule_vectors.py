"""The vectors of tests/vectors/capsule-v1: each opens or is refused as its folder says; by hand too."""

from __future__ import annotations

import importlib.util
import subprocess
from pathlib import Path

import pytest

from agent.formats.capsule_v1 import fingerprint
from agent.model.errors import Refuse
from agent.seal.capsule import open_capsule, read_identity_file
from agent.seal.recording_key import recipient_of

VECTORS = Path(__file__).parents[1] / "vectors" / "capsule-v1"
CASES = sorted(path.parent for path in VECTORS.glob("*/capsule.age"))
BY_HAND = [("any_2_of_3", ("a", "c"), ""), ("ticket_2_of_3", ("b", "c"), "ticket")]


def identity(name: str) -> str:
    [found] = read_identity_file((VECTORS / f"{name}.txt").read_text())
    return found


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.name)
def test_vectors(case: Path) -> None:
    keys = [identity(name) for name in (case / "keys").read_text().split()]
    expected = (case / "expected").read_text().strip()
    data = (case / "capsule.age").read_bytes()
    if expected != "ok":
        with pytest.raises(Refuse) as caught:
            open_capsule(data, keys)
        assert caught.value.code == expected
        return
    name = "recording-pq" if case.name.startswith("hybrid_") else "recording"
    assert open_capsule(data, keys) == identity(name)


def test_every_folder_is_a_case() -> None:
    assert len(CASES) >= 15
    assert {path.name for path in VECTORS.iterdir() if path.is_dir()} - {"__pycache__"} == {
        case.name for case in CASES
    }


def test_the_writer_still_makes_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = importlib.util.spec_from_file_location("make_capsule_vectors", VECTORS / "make_vectors.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "HERE", tmp_path)
    module.whole()
    module.damaged()
    assert {path.name for path in tmp_path.iterdir()} == {case.name for case in CASES}
    for case in CASES:
        assert (tmp_path / case.name / "capsule.age").read_bytes() == (case / "capsule.age").read_bytes()


@pytest.mark.requires("age")
@pytest.mark.parametrize(("case", "people", "ticket"), BY_HAND)
def test_by_hand(tmp_path: Path, case: str, people: tuple[str, str], ticket: str) -> None:
    data = (VECTORS / case / "capsule.age").read_bytes()

    def age(name: str, sealed: bytes) -> bytes:
        command = ["age", "-d", "-i", str(VECTORS / f"{name}.txt")]
        return subprocess.run(command, input=sealed, capture_output=True, check=True).stdout

    if ticket:
        data = age(ticket, data)
    (tmp_path / "container.tar").write_bytes(age(people[0], data))
    member = "+".join(fingerprint(recipient_of(identity(name))) for name in people) + ".age"
    found = subprocess.run(
        ["tar", "-xOf", str(tmp_path / "container.tar"), member], capture_output=True, check=True
    )
    assert age(people[1], age(people[0], found.stdout)).decode() == identity("recording") + "\n"
