"""Where a key stands in TOML text: the right line, or the nearest enclosing table's, or None."""

from __future__ import annotations

import pytest

from agent.formats.toml_lines import line_of

TEXT = """\
top = 1
[box]  # comment
id = "b"
"quoted" = 2

[ spaced . table ]
key = 3
[[channel]]
id = "a"
[channel.source]
kind = "x"
[[channel.source.script]]
at = 1
[[channel.source.script]]
at = 2
[[channel]]
  id = "b"
list = [
  "one",
  "two",
]
[channel.source]
kind = "y"
inline = { kind = "z" }
[[channel.source.script]]
at = 3
"""


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("top",), 1),
        (("box",), 2),
        (("box", "id"), 3),
        (("spaced", "table", "key"), 7),
        (("channel", 0), 8),
        (("channel", 0, "id"), 9),
        (("channel", 0, "source"), 10),
        (("channel", 0, "source", "kind"), 11),
        (("channel", 0, "source", "script", 0, "at"), 13),
        (("channel", 0, "source", "script", 1, "at"), 15),
        (("channel", 1, "id"), 17),
        (("channel", 1, "list", 1), 18),
        (("channel", 1, "source", "kind"), 23),
        (("channel", 1, "source", "inline", "kind"), 24),
        (("channel", 1, "source", "script", 0), 25),
        (("channel", 1, "source", "script", 0, "at"), 26),
    ],
)
def test_the_line_of_a_key(path: tuple[str | int, ...], line: int) -> None:
    assert line_of(TEXT, path) == line


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("box", "missing"), 2),
        (("box", "quoted"), 2),
        (("channel", 0, "spec", "width"), 8),
        (("channel", 1, "source", "missing", 3), 22),
        (("nothing", "here"), None),
        (("channel", 2, "id"), None),
        ((), None),
    ],
)
def test_else_the_nearest_enclosing_table(path: tuple[str | int, ...], line: int | None) -> None:
    assert line_of(TEXT, path) == line


def test_the_first_of_two_definitions_counts() -> None:
    assert line_of("[a]\nx = 1\nx = 2\n", ("a", "x")) == 2


def test_line_ends_are_those_of_toml() -> None:
    assert line_of("[a]\r\nx = 1\r\n", ("a", "x")) == 2
    assert line_of('[a]\nname = "one\u2028two\x85three"\nx = 1\n', ("a", "x")) == 3
