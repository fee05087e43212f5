"""`[custodians] threshold`: what can not be built, or counts a person twice, is an error of configuration."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agent.formats.config_v1 import AgentConfig
from agent.runtime.load_config import ConfigError, load
from agent.seal.recording_key import new_key_pair
from agent.seal.suites import age_mlkem768x25519, age_x25519

CONFIG = """\
[box]
id = "or-3"
[custodians]
recipients = {recipients}
{threshold}
[[channel]]
id = "ch0"
category = "dt"
level = {level}
purpose = "test"
lawful_basis = "test"
[channel.source]
kind = "synthetic"
[channel.spec]
width = 640
height = 360
rate = "25"
"""


def recipients_of(suite: str, count: int) -> list[str]:
    return [new_key_pair(os.urandom, suite).recipient for _ in range(count)]


CLASSICAL = recipients_of(age_x25519.NAME, 12)
HYBRID = recipients_of(age_mlkem768x25519.NAME, 2)


def loaded(tmp_path: Path, recipients: list[str], threshold: str, level: int = 4) -> AgentConfig:
    path = tmp_path / "agent.toml"
    path.write_text(CONFIG.format(recipients=recipients, threshold=threshold, level=level).replace("'", '"'))
    return load(path)


@pytest.mark.parametrize(("line", "threshold"), [("", 1), ("threshold = 2", 2), ("threshold = 3", 3)])
def test_good_ones(tmp_path: Path, line: str, threshold: int) -> None:
    assert loaded(tmp_path, CLASSICAL[:3], line).custodians.threshold == threshold


@pytest.mark.parametrize(
    ("count", "line", "words"),
    [
        (2, "threshold = 3", "3 custodians must open together, and there are 2"),
        (12, "threshold = 2", "66 choices"),
        (8, "threshold = 4", "70 choices"),
        (2, "threshold = 0", "greater than or equal to 1"),
        (9, "threshold = 8", "less than or equal to 7"),
        (2, "threshold = true", "integer"),
        (2, 'threshold = "2"', "integer"),
    ],
)
def test_what_can_not_be(tmp_path: Path, count: int, line: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, CLASSICAL[:count], line)
    [told] = caught.value.lines
    assert ":5: custodians.threshold: " in told
    assert words in told


def test_only_custodians_of_the_levels_suite_count(tmp_path: Path) -> None:
    recipients = [*CLASSICAL[:2], HYBRID[0]]
    assert loaded(tmp_path, recipients, "threshold = 2", level=4).custodians.threshold == 2
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, recipients, "threshold = 2", level=5)
    [told] = caught.value.lines
    assert f"level 5 is sealed to {age_mlkem768x25519.RECIPIENT_HRP}1… recipients" in told
    assert "2 custodians must open together, and there are 1 of this suite" in told
    assert loaded(tmp_path, [*CLASSICAL[:1], *HYBRID], "threshold = 2", level=5).custodians.threshold == 2


@pytest.mark.parametrize("line", ["", "threshold = 2"])
def test_one_key_twice_is_refused(tmp_path: Path, line: str) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, [*CLASSICAL[:2], CLASSICAL[0]], line)
    assert any("custodians.recipients" in told and "listed twice" in told for told in caught.value.lines)
