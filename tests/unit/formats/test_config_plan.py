"""`[channel.plan]`: closed words, times that a clock can show, zones that exist, scenes of their category."""

from __future__ import annotations

from collections.abc import Mapping
from typing import get_args

import pytest

from agent.formats.config_plan import CATEGORY_OF_SCENE, Hours, Scene, hours_of
from agent.formats.config_v1 import AgentConfig, ChannelConfig, ConfigProblem, parse

_TEXT = """\
[box]
id = "box-1"
[custodians]
recipients = ["age1"]
[[channel]]
id = "ch0"
category = "{category}"
purpose = "p"
lawful_basis = "l"
[channel.source]
kind = "synthetic"
[channel.spec]
width = 640
height = 360
rate = "25"
{plan}
"""
GOOD = {
    "scene": '"surgery-monitoring"',
    "place": '["operating-theatre"]',
    "responsible": '"head-of-surgery"',
    "policy": '"2026-1"',
}


def text(*, category: str = "dt", **changed: str) -> str:
    return written({**GOOD, **changed}, category)


def written(lines: Mapping[str, str | None], category: str = "dt") -> str:
    """The file with these lines as its plan; None leaves one out."""
    plan = [f"{key} = {value}" for key, value in lines.items() if value is not None]
    return _TEXT.format(category=category, plan="\n".join(["[channel.plan]", *plan]))


def channel(toml: str) -> ChannelConfig:
    found = parse(toml)
    assert isinstance(found, AgentConfig), found
    return found.channel[0]


def problems(toml: str) -> list[str]:
    found = parse(toml)
    assert not isinstance(found, AgentConfig)
    assert all(isinstance(one, ConfigProblem) for one in found)
    return [f"{one.key}: {one.text}" for one in found]


def test_a_plan_without_a_schedule_is_whole() -> None:
    plan = channel(text()).plan
    assert plan is not None
    assert (plan.scene, plan.place, plan.schedule, plan.longest_s) == (
        "surgery-monitoring",
        ("operating-theatre",),
        None,
        None,
    )


def test_a_configuration_without_a_plan_still_loads() -> None:
    """The gate refuses its capture by a leaf and an alarm, which a file that does not load could not."""
    assert channel(_TEXT.format(category="dt", plan="")).plan is None


def test_a_schedule_says_what_it_allows() -> None:
    schedule = '{ zone = "Asia/Shanghai", hours = ["mon-fri 08:00-18:00", "sat 23:00-07:00"] }'
    plan = channel(text(schedule=schedule, longest_s="14400.0")).plan
    assert plan is not None
    assert plan.schedule is not None
    assert str(plan.schedule) == "mon-fri 08:00-18:00, sat 23:00-07:00 in Asia/Shanghai"
    assert plan.longest_s == 14400
    assert plan.model_dump(mode="json")["schedule"]["zone"] == "Asia/Shanghai"


@pytest.mark.parametrize(
    ("written", "days", "begin", "end"),
    [
        ("mon 00:00-24:00", {0}, 0, 1440),
        ("mon-fri 08:00-18:30", {0, 1, 2, 3, 4}, 480, 1110),
        ("sat-mon 23:00-07:00", {5, 6, 0}, 1380, 420),
        ("sun-sun 01:00-02:00", {6}, 60, 120),
        ("tue-mon 00:00-00:01", set(range(7)), 0, 1),
        ("daily 22:00-00:00", set(range(7)), 1320, 1440),
    ],
)
def test_hours(written: str, days: set[int], begin: int, end: int) -> None:
    assert hours_of(written) == Hours(days=frozenset(days), begin=begin, end=end)


@pytest.mark.parametrize(
    "written",
    [
        "", "mon", "mon 8:00-18:00", "mon 08:00-24:01", "mon 24:00-08:00", "mon 25:00-26:00",
        "mon 08:60-09:00", "Mon 08:00-09:00", "monday 08:00-09:00", "mon-fri  08:00-09:00", "mon 08:00-08:00",
        "mon 08:00-09:00 ",
        "mon 08:00-09:00\n", "08:00-09:00", "daily-fri 08:00-09:00", "mon ٠8:00-09:00",
    ],
)  # fmt: skip
def test_hours_that_are_none(written: str) -> None:
    with pytest.raises(ValueError, match=r"write|a day ends|same"):
        hours_of(written)


@pytest.mark.parametrize(
    "zone", ["localtime", "right/Europe/Berlin", "posix/UTC", "../etc", "CET", "Europe/Nowhere", ""]
)
def test_zones_that_are_none(zone: str) -> None:
    [problem] = problems(text(schedule=f'{{ zone = "{zone}", hours = ["mon 08:00-09:00"] }}'))
    assert problem.startswith("channel.0.plan.schedule.zone: ")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("scene", '"party"'),
        ("scene", None),
        ("place", "[]"),
        ("place", '["Ward 3"]'),
        ("place", '"ward"'),
        ("place", None),
        ("responsible", '"Zhang San"'),
        ("responsible", None),
        ("policy", '""'),
        ("policy", '"a\\u0007"'),
        ("policy", None),
        ("longest_s", "59.0"),
        ("longest_s", "604801.0"),
        ("longest_s", "nan"),
        ("schedule", '{ zone = "UTC", hours = [] }'),
    ],
)
def test_wrong_values_are_told_at_their_key(key: str, value: str | None) -> None:
    assert problems(written({**GOOD, key: value}))[0].startswith(f"channel.0.plan.{key}")


def test_an_unknown_key_names_the_nearest() -> None:
    assert problems(text(responsable='"x"')) == [
        "channel.0.plan.responsable: unknown key: did you mean 'responsible'?"
    ]


@pytest.mark.parametrize("scene", get_args(Scene))
@pytest.mark.parametrize("category", ["dt", "nr", "mm", "er"])
def test_a_scene_belongs_to_one_category(scene: str, category: str) -> None:
    toml = text(category=category, scene=f'"{scene}"')
    wanted = CATEGORY_OF_SCENE[scene]
    if category == wanted:
        assert channel(toml).plan is not None
    else:
        assert problems(toml) == [
            f"channel.0.plan.scene: this scene belongs to category {wanted!r} (STD 5.2): correct the scene "
            "or the category"
        ]
