"""The parser of device profiles obeys every vector: good ones are taken, wrong ones told at their line."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.formats.profile_v1 import parse

VECTORS = Path(__file__).resolve().parents[1] / "vectors" / "device-profile-v1"
CASES = sorted(path for path in VECTORS.iterdir() if path.is_dir())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_vector(case: Path) -> None:
    found = parse((case / "profile.toml").read_text(encoding="utf-8"))
    if isinstance(found, tuple):
        told = "".join(f"{problem.line} {problem.key or '-'}\n" for problem in found)
    else:
        told = "ok\n"
    assert told == (case / "expected").read_text(encoding="utf-8")
    assert case.name.endswith("_fail") is isinstance(found, tuple)


def test_there_are_vectors_of_both_kinds() -> None:
    assert {case.name.endswith("_fail") for case in CASES} == {True, False}
