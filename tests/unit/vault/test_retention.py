"""Dates of retention: never earlier than promised, whatever calendar, clock or time zone does."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime

import pytest

from agent.formats.config_retention_rules import RetentionRule
from agent.formats.config_v1 import ChannelConfig
from agent.model.times import NS_PER_S, from_rfc3339, rfc3339
from agent.vault.retention import (
    DAY_NS,
    Retention,
    add_years,
    due_ns,
    earliest_ns,
    is_nightly_due,
    of_channel,
    retention_labels,
)

WARD = Retention(rule=RetentionRule.WARD, keep_days=90)
IMPORTANT = Retention(rule=RetentionRule.IMPORTANT, keep_years=30)
STUDY = Retention(rule=RetentionRule.RESEARCH_COPY, keep_days=30, study="s1")


def at(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * NS_PER_S


def channel(**more: object) -> ChannelConfig:
    return ChannelConfig.model_validate(
        {
            "id": "ch0",
            "category": "dt",
            "purpose": "test",
            "lawful_basis": "test",
            "source": {"kind": "synthetic"},
            "spec": {"width": 640, "height": 360, "rate": "25"},
            **more,
        }
    )


def test_ward_monitoring_is_due_on_day_90_and_not_before() -> None:
    end = at("2026-11-24T10:00:00")
    assert due_ns(WARD, end) == earliest_ns(WARD, end) == at("2027-02-22T10:00:00")
    due = due_ns(WARD, end)
    assert due is not None
    assert end + 89 * DAY_NS < due < end + 91 * DAY_NS


def test_level_5_may_not_go_before_15_years_and_is_due_at_30() -> None:
    end = at("2026-11-24T10:00:00.5")
    assert earliest_ns(IMPORTANT, end) == at("2041-11-24T10:00:00.5")
    assert due_ns(IMPORTANT, end) == at("2056-11-24T10:00:00.5")
    assert due_ns(Retention(rule=RetentionRule.IMPORTANT, keep_years=20), end) == at("2046-11-24T10:00:00.5")


@pytest.mark.parametrize(
    ("years", "expected"),
    [
        (1, "2029-03-01T12:00:00.000000Z"),
        (4, "2032-02-29T12:00:00.000000Z"),
        (15, "2043-03-01T12:00:00.000000Z"),
        (30, "2058-03-01T12:00:00.000000Z"),
        (72, "2100-03-01T12:00:00.000000Z"),  # 2100 has no leap day
    ],
)
def test_a_leap_day_plus_years_is_never_earlier(years: int, expected: str) -> None:
    assert rfc3339(add_years(from_rfc3339("2028-02-29T12:00:00.000000Z"), years)) == expected


def test_nanoseconds_survive_the_calendar() -> None:
    start = at("2026-11-24T10:00:00") + 123_456_789
    assert add_years(start, 15) == at("2041-11-24T10:00:00") + 123_456_789


def test_a_studys_copies_are_due_30_days_after_its_last_day_ended_everywhere() -> None:
    base = at("2026-11-24T10:00:00")
    end = date(2027, 1, 31)
    assert earliest_ns(STUDY, base) is None
    assert due_ns(STUDY, base) is None
    assert earliest_ns(STUDY, base, end) == at("2027-02-01T12:00:00")
    assert due_ns(STUDY, base, end) == at("2027-03-03T12:00:00")
    promised = Retention(
        rule=RetentionRule.RESEARCH_COPY, keep_days=30, study="s1", study_end=date(2027, 6, 30)
    )
    assert due_ns(promised, base, end) == due_ns(promised, base), "of two promises the later counts"
    late = at("2027-05-01T00:00:00")
    assert due_ns(STUDY, late, end) == late + 30 * DAY_NS, "made after the study's end"


def test_the_boxs_time_zone_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    end = at("2028-02-29T23:30:00")
    found = set()
    for zone in ("UTC", "Asia/Shanghai", "America/New_York", "Pacific/Kiritimati"):
        monkeypatch.setenv("TZ", zone)
        time.tzset()
        found.add((due_ns(WARD, end), add_years(end, 15), due_ns(STUDY, end, date(2029, 1, 1))))
    monkeypatch.undo()
    time.tzset()
    assert len(found) == 1


def test_defaults_by_level_and_category() -> None:
    assert of_channel(channel(level=5)) == IMPORTANT
    assert of_channel(channel(level=2, category="mm")) == WARD
    assert of_channel(channel(level=2)) is None, "only management is monitoring"
    assert of_channel(channel(level=4)) is None
    assert of_channel(channel(level=3, category="mm")) is None
    table = {"rule": "public-area", "keep_days": 30}
    assert of_channel(channel(level=2, retention=table)) == Retention(
        rule=RetentionRule.PUBLIC_AREA, keep_days=30
    )
    study = {"rule": "research-copy", "study": "s1"}
    assert of_channel(channel(level=4, category="er", retention=study)) == STUDY
    clinical = of_channel(channel(level=4, retention={"rule": "clinical", "keep_years": 15}))
    assert clinical is not None
    assert due_ns(clinical, at("2026-11-24T00:00:00")) == at("2041-11-24T00:00:00")


@pytest.mark.parametrize(
    ("config", "until"),
    [
        ({"level": 5}, "2041-11-24T00:00:00.000000Z"),
        ({"level": 2, "category": "mm"}, "2027-02-22T00:00:00.000000Z"),
        ({"level": 4}, None),
    ],
)
def test_labels_of_a_recording(config: dict[str, object], until: str | None) -> None:
    labels = retention_labels(channel(**config), at("2026-11-24T00:00:00"))
    assert labels["retain_until"] == until
    facts = labels["retention"]
    assert (facts is None) == (until is None)
    if isinstance(facts, dict):
        assert Retention.from_facts(facts) == of_channel(channel(**config))


def test_facts_of_a_study_come_back() -> None:
    plan = Retention(rule=RetentionRule.RESEARCH_COPY, keep_days=30, study="s1", study_end=date(2027, 1, 31))
    assert Retention.from_facts(plan.facts()) == plan


def test_once_a_night() -> None:
    noon = at("2026-11-24T12:00:00")
    assert is_nightly_due(noon, None)
    assert not is_nightly_due(noon, noon - 1)
    assert not is_nightly_due(at("2026-11-24T23:59:59"), noon)
    assert is_nightly_due(at("2026-11-25T00:00:00"), noon)
    assert is_nightly_due(noon - 1, noon), "the clock was set back: look again"
