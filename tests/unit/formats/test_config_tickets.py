"""`[tickets]` and the class of a channel's tickets: what is wrong is told with its line, and no key in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.formats.config_v1 import AgentConfig, ConfigProblem, parse
from agent.formats.signed_note import encode_vkey
from agent.ledger.signing import SigningKey
from agent.runtime.load_config import ConfigError, load
from agent.seal.recording_key import new_key_pair

GOOD = SigningKey.generate(bytes(32), "edgeward.authority/h1").verifier_key
OF_A_BOX = SigningKey.generate(bytes(32), "edgeward.box/or-3").verifier_key
NO_POINT = encode_vkey("edgeward.authority/h1", b"\x02" + bytes(31))
CONFIG = """\
[box]
id = "or-3"
[custodians]
recipients = ["{recipient}"]
[tickets]
authority = "{authority}"
[[channel]]
id = "ch0"
category = "dt"
level = {level}
{tickets}
purpose = "test"
lawful_basis = "test"
[channel.source]
kind = "synthetic"
[channel.spec]
width = 640
height = 360
rate = "25"
"""


def text(*, authority: str = GOOD, level: int = 4, tickets: str = "") -> str:
    recipient = new_key_pair(lambda count: bytes(range(count))).recipient
    return CONFIG.format(recipient=recipient, authority=authority, level=level, tickets=tickets)


def problem(found: AgentConfig | tuple[ConfigProblem, ...]) -> ConfigProblem:
    assert isinstance(found, tuple)
    [one] = found
    return one


@pytest.mark.parametrize(
    ("level", "tickets"), [(4, ""), (2, ""), (3, 'tickets = "daily"'), (2, 'tickets = "daily"')]
)
def test_good_ones(level: int, tickets: str) -> None:
    config = parse(text(level=level, tickets=tickets))
    assert isinstance(config, AgentConfig)
    assert config.tickets is not None
    assert config.tickets.authority == GOOD


@pytest.mark.parametrize(
    ("authority", "words"),
    [
        ("", "verifier key"),
        (GOOD[:-4], "verifier key"),
        (GOOD.replace("h1", "h2"), "the key id does not belong"),
        (OF_A_BOX, "the key of something else"),
    ],
)
def test_a_wrong_authority_is_told_at_its_line(authority: str, words: str) -> None:
    found = problem(parse(text(authority=authority)))
    assert (found.line, found.key) == (6, "tickets.authority")
    assert words in found.text


def test_a_key_that_is_no_point_is_told_on_loading(tmp_path: Path) -> None:
    path = tmp_path / "agent.toml"
    path.write_text(text(authority=NO_POINT))
    with pytest.raises(ConfigError) as caught:
        load(path)
    [line] = caught.value.lines
    assert line.startswith(f"{path}:6: tickets.authority: ")


@pytest.mark.parametrize("level", [4, 5])
def test_daily_tickets_are_for_monitoring_only(level: int) -> None:
    found = problem(parse(text(level=level, tickets='tickets = "daily"')))
    assert (found.line, found.key) == (11, "channel.0.tickets")
    assert "levels 2 and 3" in found.text
