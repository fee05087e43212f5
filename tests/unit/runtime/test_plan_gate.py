"""The gate of the collection plan: each refusal by its code; schedules over midnight and both DST changes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from agent.device.profile_match import DeviceFacts, ProfileMatch, match_device
from agent.device.profiles import load_profiles
from agent.formats.config_plan import ScheduleConfig
from agent.formats.config_v1 import ChannelConfig
from agent.formats.profile_v1 import Kind
from agent.model.media import GapCause
from agent.model.times import NS_PER_S, ClockQuality, Instant
from agent.runtime.plan_gate import FORBIDDEN_PLACES, NO_PLAN, Allowed, Refused, is_open, judge

PROFILES = load_profiles().profiles
UNKNOWN_CAMERA = match_device(PROFILES, DeviceFacts(kind=Kind.ONVIF, manufacturer="Nobody", model="X"))
NIGHT = {"zone": "Europe/Berlin", "hours": ["daily 23:00-07:00"]}


def channel(level: int = 4, **plan: object) -> ChannelConfig:
    table = {"scene": "inpatient-monitoring", "place": ["ward"], "responsible": "head", "policy": "1", **plan}
    return ChannelConfig.model_validate(
        {
            "id": "ch0",
            "category": "mm",
            "level": level,
            "purpose": "test",
            "lawful_basis": "test",
            "source": {"kind": "synthetic"},
            "spec": {"width": 64, "height": 64, "rate": "25"},
            "plan": table,
        }
    )


def at(local: str, zone: str = "Europe/Berlin", *, fold: int = 0) -> int:
    """Wall nanoseconds of the moment at which a clock there shows `local`."""
    shown = datetime.fromisoformat(local).replace(tzinfo=ZoneInfo(zone), fold=fold)
    return round(shown.timestamp()) * NS_PER_S


def instant(wall_ns: int, quality: ClockQuality = ClockQuality.SYNCED) -> Instant:
    return Instant(wall_ns=wall_ns, mono_ns=1, quality=quality)


NOW = instant(at("2026-11-26T12:00"))


def schedule(zone: str, *hours: str) -> ScheduleConfig:
    return ScheduleConfig.model_validate({"zone": zone, "hours": list(hours)})


def open_minutes(plan: ScheduleConfig, day: str, days: int = 1) -> int:
    """How many real minutes of so many days from `day` on (UTC) are open."""
    start = datetime.fromisoformat(day).replace(tzinfo=UTC)
    moments = (start + timedelta(minutes=minute) for minute in range(days * 1440))
    return sum(is_open(plan, round(moment.timestamp()) * NS_PER_S) for moment in moments)


def code(answer: Allowed | Refused) -> str:
    return answer.code if isinstance(answer, Refused) else "allowed"


def test_a_plan_without_a_schedule_allows_always() -> None:
    assert judge(channel(), None, NOW, running=False) == Allowed(level=4)


@pytest.mark.parametrize("running", [True, False])
def test_without_a_plan_nothing_is_collected(running: bool) -> None:
    bare = channel().model_copy(update={"plan": None})
    assert judge(bare, None, NOW, running=running) is NO_PLAN


@pytest.mark.parametrize("word", FORBIDDEN_PLACES)
@pytest.mark.parametrize("spelled", ["{}", "ward-3-{}", "{}-2", "old-{}-east"])
def test_forbidden_places_are_refused_whatever_else_is_said(word: str, spelled: str) -> None:
    tags = ["ward", spelled.format(word)]
    for match in (
        None,
        *(ProfileMatch(profile=p, why="", trust=UNKNOWN_CAMERA.trust, alarm=None) for p in PROFILES),
    ):
        answer = judge(channel(place=tags), match, NOW, running=True)
        assert (code(answer), tags[1] in str(answer)) == ("plan.place-forbidden", True)


@pytest.mark.parametrize("tag", ["bathrooms-none", "nursing", "nursing-station", "changing", "room", "bath"])
def test_other_words_are_not_taken_for_forbidden_ones(tag: str) -> None:
    assert code(judge(channel(place=[tag]), None, NOW, running=False)) == "allowed"


def test_level_one_never_comes_from_a_plan() -> None:
    written = channel().model_copy(update={"level": 1})
    assert code(judge(written, None, NOW, running=False)) == "plan.level-one"


@pytest.mark.parametrize("level", [2, 3, 4, 5])
@pytest.mark.parametrize("raised", [1, 2, 3, 4, 5, 6])
def test_an_operator_may_raise_a_level_and_never_lower_it(level: int, raised: int) -> None:
    answer = judge(channel(level), None, NOW, running=False, raised_level=raised)
    if level <= raised <= 5:
        assert answer == Allowed(level=raised)
    else:
        assert code(answer) == "plan.level-lowered"


@pytest.mark.parametrize(
    ("level", "wanted"), [(2, "plan.device-forbids"), (3, "plan.device-forbids"), (4, "allowed")]
)
def test_what_the_device_profile_forbids_is_refused(level: int, wanted: str) -> None:
    assert code(judge(channel(level), UNKNOWN_CAMERA, NOW, running=True)) == wanted


def test_a_raised_level_is_what_the_profile_is_asked_about() -> None:
    answer = judge(channel(3), UNKNOWN_CAMERA, NOW, running=False, raised_level=4)
    assert answer == Allowed(level=4)


def test_outside_the_schedule_is_a_cause_of_its_own() -> None:
    answer = judge(channel(schedule=NIGHT), None, NOW, running=True)
    assert isinstance(answer, Refused)
    assert (answer.code, answer.cause) == ("plan.outside-schedule", GapCause.NOT_SCHEDULED)
    assert "daily 23:00-07:00 in Europe/Berlin" in answer.text
    later = judge(channel(schedule=NIGHT), None, instant(NOW.wall_ns + 60 * NS_PER_S), running=True)
    assert later == answer, "one reason, one text: or each minute would be a leaf"


@pytest.mark.parametrize("quality", [ClockQuality.UNSYNCED, ClockQuality.UNKNOWN])
def test_a_doubted_clock_never_ends_a_recording_and_never_begins_one_outside(quality: ClockQuality) -> None:
    plan, noon = channel(schedule=NIGHT), instant(NOW.wall_ns, quality)
    assert judge(plan, None, noon, running=True) == Allowed(level=4, clock_doubted=True)
    assert code(judge(plan, None, noon, running=False)) == "plan.outside-schedule"
    midnight = instant(at("2026-11-27T00:00"), quality)
    assert judge(plan, None, midnight, running=False) == Allowed(level=4, clock_doubted=True)
    assert judge(channel(), None, noon, running=False) == Allowed(level=4), "no schedule asks for a clock"


def test_a_doubted_clock_excuses_nothing_but_the_schedule() -> None:
    doubted = instant(NOW.wall_ns, ClockQuality.UNSYNCED)
    assert code(judge(channel(place=["bathroom"], schedule=NIGHT), None, doubted, running=True)) == (
        "plan.place-forbidden"
    )
    assert (
        code(judge(channel(3, schedule=NIGHT), UNKNOWN_CAMERA, doubted, running=True))
        == "plan.device-forbids"
    )


@pytest.mark.parametrize(
    ("local", "wanted"),
    [
        ("2026-11-23T07:59:59", False),
        ("2026-11-23T08:00:00", True),
        ("2026-11-27T17:59:59", True),
        ("2026-11-27T18:00:00", False),
        ("2026-11-28T12:00:00", False),
    ],
)
def test_begin_is_inside_and_end_is_not(local: str, wanted: bool) -> None:
    assert is_open(schedule("Europe/Berlin", "mon-fri 08:00-18:00"), at(local)) is wanted


@pytest.mark.parametrize(
    ("local", "wanted"),
    [
        ("2026-11-27T22:59:59", False),  # a Friday
        ("2026-11-27T23:00:00", True),
        ("2026-11-28T06:59:59", True),
        ("2026-11-28T07:00:00", False),
        ("2026-11-28T23:30:00", False),  # Saturday begins none
        ("2026-11-27T00:30:00", False),  # and Thursday began none
    ],
)
def test_a_range_over_midnight_belongs_to_the_day_on_which_it_begins(local: str, wanted: bool) -> None:
    assert is_open(schedule("Europe/Berlin", "fri 23:00-07:00"), at(local)) is wanted


def test_weekdays_wrap_over_the_week() -> None:
    plan = schedule("Asia/Shanghai", "sun-mon 23:00-01:00")
    shown = ["2026-11-29T23:00", "2026-11-30T00:59", "2026-11-30T23:00", "2026-12-01T00:59"]
    assert all(is_open(plan, at(one, "Asia/Shanghai")) for one in shown)
    other = [
        "2026-11-29T00:30",
        "2026-11-29T22:59",
        "2026-11-30T01:00",
        "2026-12-01T01:00",
        "2026-12-01T23:30",
    ]
    assert not any(is_open(plan, at(one, "Asia/Shanghai")) for one in other)
    assert open_minutes(plan, "2026-11-23", days=7) == 2 * 120


def test_ranges_may_overlap_and_whole_days_have_no_hole() -> None:
    assert open_minutes(schedule("UTC", "daily 00:00-24:00"), "2026-11-23", days=7) == 7 * 1440
    assert open_minutes(schedule("UTC", "mon 08:00-12:00", "mon 10:00-14:00"), "2026-11-23", days=7) == 360


@pytest.mark.parametrize(
    ("day", "minutes"),
    [("2026-03-28", 7 * 60), ("2026-10-24", 9 * 60), ("2026-06-01", 8 * 60)],
    ids=["spring forward", "fall back", "an ordinary night"],
)
def test_a_night_is_as_long_as_the_clock_on_the_wall_makes_it(day: str, minutes: int) -> None:
    """Berlin skips 02:00 to 03:00 on 2026-03-29 and repeats it on 2026-10-25."""
    plan = schedule("Europe/Berlin", f"{datetime.fromisoformat(day):%a} 23:00-07:00".lower())
    assert open_minutes(plan, day, days=2) == minutes


def test_an_hour_that_is_skipped_is_never_shown_and_one_that_is_repeated_counts_twice() -> None:
    plan = schedule("Europe/Berlin", "sun 02:15-02:45")
    assert open_minutes(plan, "2026-03-29") == 0
    assert open_minutes(plan, "2026-10-25") == 60
    assert [is_open(plan, at("2026-10-25T02:30", fold=fold)) for fold in (0, 1)] == [True, True]
    assert at("2026-10-25T02:30", fold=1) - at("2026-10-25T02:30") == 3600 * NS_PER_S


def test_a_change_at_midnight_is_right_too() -> None:
    """Cairo skips 00:00 to 01:00 on 2026-04-24, a Friday: the night has one hour less and no hole."""
    plan = schedule("Africa/Cairo", "thu 22:00-03:00")
    assert open_minutes(plan, "2026-04-23", days=2) == 4 * 60


def test_the_zone_decides_and_not_the_boxs_own() -> None:
    noon = at("2026-11-26T12:00", "Asia/Shanghai")
    assert is_open(schedule("Asia/Shanghai", "thu 12:00-12:01"), noon)
    assert is_open(schedule("America/New_York", "wed 23:00-23:01"), noon)
    assert not is_open(schedule("UTC", "thu 12:00-12:01"), noon)
