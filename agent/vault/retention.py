"""When a recording may be destroyed at the earliest, and when it must be. Pure calendar arithmetic in UTC.

Guarantees: a date is never earlier than what was promised: 29 February plus years is 1 March where that year
has none, a study ends when its last day has ended everywhere on Earth, and of two promises the later one
counts. The box's time zone plays no part. Leaves out holds (`disposal.py`): they override every date.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from agent.formats.config_retention_rules import (
    IMPORTANT_MAX_YEARS,
    IMPORTANT_MIN_YEARS,
    MONITORING_DAYS,
    STUDY_DAYS,
    RetentionRule,
)
from agent.formats.config_v1 import ChannelConfig
from agent.model.outgoing import Json
from agent.model.times import NS_PER_S, rfc3339

DAY_NS = 86_400 * NS_PER_S
# The last place on Earth where a calendar day ends: UTC-12.
_LAST_ZONE_NS = 12 * 3600 * NS_PER_S


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """A channel's promise, as the opening leaf carries it."""

    rule: RetentionRule
    keep_days: int | None = None
    keep_years: int | None = None
    study: str | None = None
    study_end: date | None = None

    def facts(self) -> dict[str, Json]:
        """For manifest and opening leaf."""
        return {
            "rule": self.rule.value,
            "keep_days": self.keep_days,
            "keep_years": self.keep_years,
            "study": self.study,
            "study_end": None if self.study_end is None else self.study_end.isoformat(),
        }

    @classmethod
    def from_facts(cls, facts: Mapping[str, Json]) -> Retention:
        """What `facts` gave. ValueError or KeyError for anything else."""
        days, years, end = facts["keep_days"], facts["keep_years"], facts["study_end"]
        return cls(
            rule=RetentionRule(str(facts["rule"])),
            keep_days=days if isinstance(days, int) else None,
            keep_years=years if isinstance(years, int) else None,
            study=None if facts["study"] is None else str(facts["study"]),
            study_end=None if end is None else date.fromisoformat(str(end)),
        )


def of_channel(channel: ChannelConfig) -> Retention | None:
    """The channel's promise; None where neither the plan nor the standard gives a term.

    Defaults: level 5 is `important` (STD 7.7 c); level 2 of category `mm` is `ward` (STD 9.1 c).
    """
    plan = channel.retention
    if plan is not None:
        found = Retention(
            rule=RetentionRule(plan.rule),
            keep_days=plan.keep_days,
            keep_years=plan.keep_years,
            study=plan.study,
            study_end=plan.study_end,
        )
    elif channel.level == 5:
        found = Retention(rule=RetentionRule.IMPORTANT)
    elif channel.level == 2 and channel.category == "mm":
        found = Retention(rule=RetentionRule.WARD)
    else:
        return None
    return _with_defaults(found)


def retention_labels(channel: ChannelConfig, opened_wall_ns: int) -> dict[str, Json]:
    """What manifest and opening leaf say: the promise, and the earliest end that it can have."""
    plan = of_channel(channel)
    until_ns = None if plan is None else earliest_ns(plan, opened_wall_ns)
    return {
        "retention": None if plan is None else plan.facts(),
        "retain_until": None if until_ns is None else rfc3339(until_ns),
    }


def _with_defaults(plan: Retention) -> Retention:
    days, years = plan.keep_days, plan.keep_years
    match plan.rule:
        case RetentionRule.IMPORTANT:
            years = IMPORTANT_MAX_YEARS if years is None else years
        case RetentionRule.WARD | RetentionRule.PUBLIC_AREA:
            days = MONITORING_DAYS if days is None else days
        case RetentionRule.RESEARCH_COPY:
            days = STUDY_DAYS if days is None else days
        case RetentionRule.CLINICAL:
            pass  # the configuration has one of both
    return Retention(
        rule=plan.rule, keep_days=days, keep_years=years, study=plan.study, study_end=plan.study_end
    )


def earliest_ns(plan: Retention, base_ns: int, study_end: date | None = None) -> int | None:
    """The wall time before which only a court or an ethics committee may have it destroyed; None: not known.

    `base_ns` is the recording's end. `study_end` is what the present configuration says of the study.
    """
    match plan.rule:
        case RetentionRule.IMPORTANT:
            return add_years(base_ns, IMPORTANT_MIN_YEARS)
        case RetentionRule.RESEARCH_COPY:
            return _study_end_ns(plan, base_ns, study_end)
    return due_ns(plan, base_ns)


def due_ns(plan: Retention, base_ns: int, study_end: date | None = None) -> int | None:
    """The wall time from which it is due for destruction; None while that can't be known."""
    start_ns: int | None = base_ns
    if plan.rule is RetentionRule.RESEARCH_COPY:
        start_ns = _study_end_ns(plan, base_ns, study_end)
    if start_ns is None:
        return None
    if plan.keep_years is not None:
        return add_years(start_ns, plan.keep_years)
    return None if plan.keep_days is None else start_ns + plan.keep_days * DAY_NS


def _study_end_ns(plan: Retention, base_ns: int, study_end: date | None) -> int | None:
    """The end of the study's last day, of two promises the later; not before the recording's own end."""
    ends = [day for day in (plan.study_end, study_end) if day is not None]
    if not ends:
        return None
    midnight = datetime.combine(max(ends) + timedelta(days=1), datetime.min.time(), UTC)
    return max(base_ns, round(midnight.timestamp()) * NS_PER_S + _LAST_ZONE_NS)


def add_years(wall_ns: int, years: int) -> int:
    """The same date and time, `years` calendar years later; 1 March for a 29 February that does not exist."""
    seconds, rest_ns = divmod(wall_ns, NS_PER_S)
    moment = datetime.fromtimestamp(seconds, UTC)
    try:
        later = moment.replace(year=moment.year + years)
    except ValueError:  # 29 February: the next day that exists, never the one before
        later = moment.replace(year=moment.year + years, month=3, day=1)
    return round(later.timestamp()) * NS_PER_S + rest_ns


def is_nightly_due(now_wall_ns: int, last_wall_ns: int | None) -> bool:
    """True once each UTC day, after a start without memory, and when the clock was set back."""
    if last_wall_ns is None or now_wall_ns < last_wall_ns:
        return True
    return now_wall_ns // DAY_NS > last_wall_ns // DAY_NS
