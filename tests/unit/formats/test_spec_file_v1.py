"""A spec in a file of its own: as strict as in the configuration, every error at its line."""

from __future__ import annotations

from fractions import Fraction

from agent.formats.spec_file_v1 import parse_spec
from agent.model.spec import CollectionSpec

GOOD = 'width = 1920\nheight = 1080\nrate = "30000/1001"\n'


def told(text: str) -> list[str]:
    found = parse_spec(text)
    assert isinstance(found, tuple)
    return [problem.render("s.toml") for problem in found]


def test_a_good_spec() -> None:
    spec = parse_spec(GOOD)
    assert isinstance(spec, CollectionSpec)
    assert (spec.width, spec.rate) == (1920, Fraction(30000, 1001))


def test_every_error_is_told_at_its_line() -> None:
    assert told('width = 1920\nheigth = 1080\nrate = "fast"\n') == [
        "s.toml: height: missing: add it",
        "s.toml:2: heigth: unknown key: did you mean 'height'?",
        's.toml:3: rate: write a rate as "25" or "30000/1001"',
    ]


def test_what_is_no_toml() -> None:
    [problem] = told("width = \n")
    assert "not TOML" in problem
