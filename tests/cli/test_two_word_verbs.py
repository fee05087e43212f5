"""A verb with a hyphen may be written as two words."""

from __future__ import annotations

import pytest

from agent.cli.main import main


@pytest.mark.parametrize("words", [["deid-measure"], ["deid", "measure"]])
def test_two_words_are_the_verb(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*words, "--help"]) == 0
    assert "usage: edgeward deid-measure" in capsys.readouterr().out


def test_a_file_of_that_name_is_still_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    main(["deid", "./measure", "--help"])
    assert "usage: edgeward deid [" in capsys.readouterr().out
