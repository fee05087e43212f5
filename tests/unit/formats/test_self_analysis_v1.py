"""The weekly self-analysis as text: the vectors, and what must be refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agent.formats import self_analysis_v1
from agent.model.errors import Refuse

VECTORS = Path(__file__).parents[2] / "vectors" / "self-analysis-v1"
GOOD = (VECTORS / "good" / "report.txt").read_text(encoding="utf-8")
BAD = json.loads((VECTORS / "bad.json").read_text(encoding="utf-8"))


def test_the_good_vector_is_read_and_spelled_again_to_the_byte() -> None:
    fields = self_analysis_v1.decode(GOOD)
    assert (fields["from_leaf"], fields["to_leaf"], fields["denied"]) == (120, 9000, 3)
    rest = {name: value for name, value in fields.items() if name not in ("v", "box", "made")}
    assert self_analysis_v1.encode(str(fields["box"]), str(fields["made"]), rest) == GOOD


@pytest.mark.parametrize("case", BAD, ids=lambda case: case["why"])
def test_bad_vectors_are_refused(case: dict[str, str]) -> None:
    text = GOOD.replace(case["old"], case["new"]) if "old" in case else case["text"]
    assert text != GOOD
    with pytest.raises(Refuse) as caught:
        self_analysis_v1.decode(text)
    assert caught.value.code == "week.bad"


def test_facts_that_do_not_fit_are_not_written() -> None:
    fields = self_analysis_v1.decode(GOOD)
    rest = {name: value for name, value in fields.items() if name not in ("v", "box", "made")}
    for wrong in ({**rest, "denied": 1.5}, {**rest, "denied": -1}, {**rest, "name": "x"}, {"denied": 1}):
        with pytest.raises(Refuse) as caught:
            self_analysis_v1.encode("or-3", str(fields["made"]), wrong)
        assert caught.value.code == "week.bad"
