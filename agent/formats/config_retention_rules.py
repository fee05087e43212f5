"""Terms of retention: which rules there are, and what a plan may not promise. Pure, over TOML values.

Guarantees: a rule that promises less than the standard's terms is refused here, with the key to change
(STD 7.7 c, 9.1 c, 9.1 d). Leaves out types (`config_retention.py`) and dates (`agent/vault/retention.py`).
Diagnosis and treatment have no default term: STD 7.7 gives one to level 5 alone, so the hospital must write
it down (docs/decisions/0013-destruction.md).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any, TypeAlias


class RetentionRule(StrEnum):
    """What a recording is, as far as its term goes."""

    IMPORTANT = "important"  # level 5 (STD 7.7 c)
    WARD = "ward"  # ordinary ward monitoring (STD 9.1 c)
    PUBLIC_AREA = "public-area"  # (STD 9.1 c)
    RESEARCH_COPY = "research-copy"  # (STD 7.7 c, 9.1 d, 9.5)
    CLINICAL = "clinical"  # diagnosis, treatment, nursing


IMPORTANT_MIN_YEARS = 15
IMPORTANT_MAX_YEARS = 30
MONITORING_DAYS = 90
MONITORING_MIN_DAYS = 30
# What is kept for diagnosis and treatment is never cleaned up sooner than ordinary monitoring is by default.
CLINICAL_MIN_DAYS = 90
STUDY_DAYS = 30
STUDY_MAX_DAYS = 90
MAX_DAYS = 36_500
MAX_YEARS = 100

KeyPath: TypeAlias = tuple[str | int, ...]
Wrong: TypeAlias = tuple[KeyPath, str]


def retention_rules(path: KeyPath, channel: Mapping[str, Any]) -> Iterator[Wrong]:
    """What contradicts itself or the standard in a channel's retention table, over TOML values."""
    table = channel.get("retention")
    if not isinstance(table, dict):
        return
    rule, level = table.get("rule"), channel.get("level", 4)
    days, years = table.get("keep_days"), table.get("keep_years")
    if (rule == RetentionRule.IMPORTANT) != (level == 5):
        yield (*path, "rule"), 'rule "important" and level 5 belong together (STD 7.7 c)'
    for key in ("study", "study_end"):
        if key in table and rule != RetentionRule.RESEARCH_COPY:
            yield (*path, key), 'only rule "research-copy" has a study: remove this'
    match rule:
        case RetentionRule.IMPORTANT:
            yield from _absent(path, table, "keep_days", "level 5 is kept for years: write keep_years")
            wanted = f"{IMPORTANT_MIN_YEARS} to {IMPORTANT_MAX_YEARS} years (STD 7.7 c)"
            yield from _within(path, "keep_years", years, IMPORTANT_MIN_YEARS, IMPORTANT_MAX_YEARS, wanted)
        case RetentionRule.WARD | RetentionRule.PUBLIC_AREA:
            yield from _absent(path, table, "keep_years", "monitoring is kept for days: write keep_days")
            wanted = f"at least {MONITORING_MIN_DAYS} days (STD 9.1 c)"
            yield from _within(path, "keep_days", days, MONITORING_MIN_DAYS, MAX_DAYS, wanted)
            if level not in (2, 3):
                yield (*path, "rule"), "monitoring is level 2 or 3 (STD 5.3)"
        case RetentionRule.RESEARCH_COPY:
            yield from _absent(path, table, "keep_years", "a study's copies go within days: write keep_days")
            wanted = f"1 to {STUDY_MAX_DAYS} days after the study: promptly (STD 7.7 c)"
            yield from _within(path, "keep_days", days, 1, STUDY_MAX_DAYS, wanted)
            if "study" not in table:
                yield (*path, "study"), "missing: add the study's name"
        case RetentionRule.CLINICAL:
            if (days is None) == (years is None):
                yield path, "write keep_days or keep_years: there is no default for clinical recordings"
            wanted = f"at least {CLINICAL_MIN_DAYS} days"
            yield from _within(path, "keep_days", days, CLINICAL_MIN_DAYS, MAX_DAYS, wanted)


def _absent(path: KeyPath, table: Mapping[str, Any], key: str, words: str) -> Iterator[Wrong]:
    if key in table:
        yield (*path, key), words


def _within(path: KeyPath, key: str, value: object, low: int, high: int, wanted: str) -> Iterator[Wrong]:
    if isinstance(value, int) and not low <= value <= high:
        yield (*path, key), f"write {wanted}"
