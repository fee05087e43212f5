"""The texts of approvals and links obey every vector: good ones are read, others refused with their code."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from agent.formats import deid_approval_v1, deid_link_v1
from agent.model.errors import Refuse

VECTORS = Path(__file__).resolve().parents[1] / "vectors"


def approval_again(data: bytes) -> bytes:
    return deid_approval_v1.encode(deid_approval_v1.decode(data.decode("utf-8"))).encode()


def link_again(data: bytes) -> bytes:
    return deid_link_v1.encode(deid_link_v1.decode(data))


KINDS: dict[str, Callable[[bytes], bytes]] = {"deid-approval-v1": approval_again, "deid-link-v1": link_again}
CASES = sorted(path for kind in KINDS for path in (VECTORS / kind).iterdir() if path.is_dir())


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.parent.name}-{case.name}")
def test_vector(case: Path) -> None:
    data = (case / "text").read_bytes()
    again = KINDS[case.parent.name]
    expected = (case / "expected").read_text(encoding="utf-8").strip()
    if case.name.endswith("_fail"):
        with pytest.raises(Refuse) as caught:
            again(data)
        assert caught.value.code == expected
    else:
        assert expected == "ok"
        assert again(data) == data


def test_there_are_vectors_of_both_kinds() -> None:
    for kind in KINDS:
        assert {case.name.endswith("_fail") for case in CASES if case.parent.name == kind} == {True, False}
