"""`[audit]`: what may stand there, what may not, and what the rules get of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.formats.config_v1 import AgentConfig, parse
from agent.model.times import NS_PER_S
from agent.runtime.audit_watch import account_of, settings_of
from tests.fakes.clock import START_WALL_NS
from tests.fakes.operators import toml
from tests.unit.runtime.vaults import SmallBox, good

HOUR_NS = 3600 * NS_PER_S


@pytest.fixture
def text(tmp_path: Path) -> str:
    """A good configuration with operators, open for an `[audit]` at the end."""
    config = SmallBox(tmp_path).config
    recipient = config.custodians.recipients[0]
    return (
        f'[box]\nid = "test-box"\n[custodians]\nrecipients = ["{recipient}"]\n{toml()}'
        '[[channel]]\nid = "ch0"\ncategory = "dt"\npurpose = "t"\nlawful_basis = "t"\n'
        '[channel.source]\nkind = "synthetic"\n[channel.spec]\nwidth = 64\nheight = 64\nrate = "25"\n'
    )


def test_the_defaults(text: str) -> None:
    found = settings_of(good(text))
    assert found.operators == {"li", "wang", "zhao", "ida"}
    assert (found.door_uids, found.on_duty) == (None, None)
    assert (found.window_ns, found.bulk_recordings, found.failed_opens) == (HOUR_NS, 20, 5)
    assert (found.silence_ns, found.clock_step_ms) == (600 * NS_PER_S, 2000)


def test_everything_is_handed_to_the_rules(text: str) -> None:
    config = good(
        text
        + '[audit]\noperators = ["li"]\ndoor_uids = [0, 1000]\nwindow_minutes = 30\nbulk_recordings = 7\n'
        "failed_opens = 2\nsilence_minutes = 1\nclock_step_ms = 500\nanswer_hours = 48\n"
        '[audit.duty]\nzone = "Asia/Shanghai"\nhours = ["mon-fri 08:00-18:00"]\n[segments]\nseconds = 120.0\n'
    )
    found = settings_of(config)
    assert found.operators == {"li"}
    assert found.door_uids == frozenset({0, 1000})
    assert (found.window_ns, found.bulk_recordings, found.failed_opens) == (HOUR_NS // 2, 7, 2)
    assert (found.silence_ns, found.clock_step_ms) == (360 * NS_PER_S, 500), "at least three segments"
    assert found.on_duty is not None
    assert found.on_duty(START_WALL_NS + 2 * HOUR_NS), "Tuesday 10:00 in Shanghai"
    assert not found.on_duty(START_WALL_NS + 12 * HOUR_NS), "Tuesday 20:00 in Shanghai"


@pytest.mark.parametrize(
    ("lines", "key"),
    [
        ("bulk_recordings = 0", "audit.bulk_recordings"),
        ("window_minutes = 1441", "audit.window_minutes"),
        ("window_minutes = 1.5", "audit.window_minutes"),
        ('door_uids = ["root"]', "audit.door_uids.0"),
        ("door_uids = [-1]", "audit.door_uids.0"),
        ('operators = ["Not A Name"]', "audit.operators.0"),
        ("bulk_recording = 3", "audit.bulk_recording"),
        ('[audit.duty]\nzone = "Mars/Base"\nhours = ["daily 00:00-24:00"]', "audit.duty.zone"),
        ('[audit.duty]\nzone = "UTC"\nhours = ["always"]', "audit.duty.hours.0"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(text: str, lines: str, key: str) -> None:
    found = parse(f"{text}[audit]\n{lines}\n")
    assert not isinstance(found, AgentConfig)
    [problem] = found
    assert problem.key == key
    assert problem.line is not None


def test_other_bounds_are_another_account_and_another_name_for_people_is_not(text: str) -> None:
    shape = account_of(good(text)).shape
    assert account_of(good(text.replace('category = "dt"', 'category = "dt"\nname = "x"'))).shape == shape
    for lines in ("failed_opens = 2", "door_uids = [0]", 'operators = ["li"]'):
        assert account_of(good(f"{text}[audit]\n{lines}\n")).shape != shape
