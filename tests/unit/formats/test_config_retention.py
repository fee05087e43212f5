"""What the configuration says of retention, and what it may not promise."""

from __future__ import annotations

import pytest

from agent.formats.config_v1 import AgentConfig, ConfigProblem, parse

_TEXT = """\
[box]
id = "or-3"
[custodians]
recipients = ["age1x"]
[[channel]]
id = "ch0"
category = "mm"
level = {level}
purpose = "test"
lawful_basis = "test"
{extra}
[channel.source]
kind = "synthetic"
[channel.spec]
width = 640
height = 360
rate = "25"
[channel.retention]
{table}
"""


def problems(level: int, table: str, extra: str = "") -> tuple[ConfigProblem, ...]:
    found = parse(_TEXT.format(level=level, table=table, extra=extra))
    return () if isinstance(found, AgentConfig) else found


@pytest.mark.parametrize(
    ("level", "table"),
    [
        (5, 'rule = "important"'),
        (5, 'rule = "important"\nkeep_years = 15'),
        (2, 'rule = "ward"'),
        (3, 'rule = "ward"\nkeep_days = 30'),
        (2, 'rule = "public-area"\nkeep_days = 365'),
        (4, 'rule = "clinical"\nkeep_days = 90'),
        (3, 'rule = "clinical"\nkeep_years = 30'),
        (4, 'rule = "research-copy"\nstudy = "s1"'),
        (4, 'rule = "research-copy"\nstudy = "s1"\nstudy_end = 2027-01-31\nkeep_days = 10'),
    ],
)
def test_good(level: int, table: str) -> None:
    assert problems(level, table) == ()


@pytest.mark.parametrize(
    ("level", "table", "key", "words"),
    [
        (4, 'rule = "important"', "rule", "level 5 belong together"),
        (5, 'rule = "clinical"\nkeep_years = 30', "rule", "level 5 belong together"),
        (5, 'rule = "research-copy"\nstudy = "s1"', "rule", "level 5 belong together"),
        (5, 'rule = "important"\nkeep_years = 14', "keep_years", "15 to 30 years"),
        (5, 'rule = "important"\nkeep_years = 31', "keep_years", "15 to 30 years"),
        (5, 'rule = "important"\nkeep_days = 9000', "keep_days", "write keep_years"),
        (2, 'rule = "public-area"\nkeep_days = 29', "keep_days", "at least 30 days"),
        (2, 'rule = "ward"\nkeep_years = 1', "keep_years", "write keep_days"),
        (4, 'rule = "ward"', "rule", "level 2 or 3"),
        (4, 'rule = "clinical"', "retention", "no default"),
        (4, 'rule = "clinical"\nkeep_days = 90\nkeep_years = 1', "retention", "no default"),
        (4, 'rule = "clinical"\nkeep_days = 89', "keep_days", "at least 90 days"),
        (4, 'rule = "research-copy"', "study", "add the study's name"),
        (4, 'rule = "research-copy"\nstudy = "s1"\nkeep_days = 91', "keep_days", "promptly"),
        (4, 'rule = "research-copy"\nstudy = "A b"', "study", "match pattern"),
        (4, 'rule = "research-copy"\nstudy = "s1"\nstudy_end = "2027-01-31"', "study_end", "valid date"),
        (4, 'rule = "clinical"\nkeep_days = 90\nstudy = "s1"', "study", "remove this"),
        (2, 'rule = "forever"', "rule", "Input should be 'important'"),
        (2, 'rule = "ward"\nkeep_day = 90', "keep_day", "did you mean 'keep_days'"),
    ],
)
def test_bad(level: int, table: str, key: str, words: str) -> None:
    found = problems(level, table)
    assert any(one.key.endswith(key) and words in one.text for one in found), found


def test_what_yields_when_the_disk_is_full() -> None:
    assert problems(2, 'rule = "ward"', 'on_disk_full = "evict-oldest-eligible"') == ()
    [found] = problems(2, 'rule = "ward"', 'on_disk_full = "evict-all"')
    assert found.key.endswith("on_disk_full")
