"""The table `[channel.plan]` of `agent.toml`: what may be collected, where, when, in whose charge (STD 6.1).

Guarantees: strict types, closed words for scenes, a scene that belongs to the channel's category, times that
a clock on the wall can show, a time zone that this system knows. Leaves out deciding
(`agent/runtime/plan_gate.py`); level, category, purpose, spec and retention are keys of the channel beside
it. The time zone database is read when a zone is named: it is data of the system, as Python's codecs are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Any, Literal, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, Field

from agent.formats.config_model import StrictModel
from agent.formats.config_rules import Wrong
from agent.formats.config_tracks import TracksConfig

MINUTES_PER_DAY = 24 * 60
Scene = Literal[
    "imaging-diagnosis", "surgery-monitoring", "nursing", "rehabilitation", "inpatient-monitoring",
    "equipment-monitoring", "public-area", "education", "research",
]  # fmt: skip
# STD 5.2 says what each category holds, STD 9.1 names imaging, surgery, inpatients, education and research.
CATEGORY_OF_SCENE: Mapping[str, str] = MappingProxyType({
    "imaging-diagnosis": "dt",
    "surgery-monitoring": "dt",
    "nursing": "nr",
    "rehabilitation": "nr",
    "inpatient-monitoring": "mm",
    "equipment-monitoring": "mm",
    "public-area": "mm",
    "education": "er",
    "research": "er",
})  # fmt: skip
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_WORD = "|".join(_DAYS)
_HOURS = re.compile(
    rf"(?:(daily)|({_WORD})(?:-({_WORD}))?) "
    r"([01][0-9]|2[0-3]):([0-5][0-9])-([01][0-9]|2[0-3]|24):([0-5][0-9])"
)
# Area and place: neither the system's own zone ("localtime") nor zones with leap seconds ("right/…") fit.
_ZONE = re.compile(r"UTC|[A-Z][A-Za-z_]{1,20}(/[A-Za-z0-9_+-]{1,30}){1,2}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Hours:
    """One range: the weekdays on which it begins (Monday is 0), and minutes of the day.

    `end` is above 0 and at most 1440; an end that is not after the begin is one of the next day.
    """

    days: frozenset[int]
    begin: int
    end: int


def hours_of(text: str) -> Hours:
    """What `mon-fri 08:00-18:00`, `sat 23:00-07:00` or `daily 06:00-24:00` says. Raises `ValueError`."""
    found = _HOURS.fullmatch(text)
    if found is None:
        raise ValueError(
            'write days and times as "mon-fri 08:00-18:00", "sat 23:00-07:00" or "daily 06:00-24:00"'
        )
    daily, first, last, *clock = found.groups()
    begin, end = int(clock[0]) * 60 + int(clock[1]), int(clock[2]) * 60 + int(clock[3])
    if end > MINUTES_PER_DAY:
        raise ValueError("a day ends at 24:00")
    if begin == end:
        raise ValueError("begin and end are the same: write 00:00-24:00 for a whole day")
    if daily:
        return Hours(days=frozenset(range(7)), begin=begin, end=end or MINUTES_PER_DAY)
    one = _DAYS.index(first)
    count = 1 if last is None else (_DAYS.index(last) - one) % 7 + 1
    days = frozenset((one + step) % 7 for step in range(count))
    return Hours(days=days, begin=begin, end=end or MINUTES_PER_DAY)


def _hours(text: str) -> str:
    hours_of(text)
    return text


def _zone(name: object) -> object:
    if not isinstance(name, str):
        return name
    if not _ZONE.fullmatch(name):
        raise ValueError('write a zone of the IANA database, such as "Asia/Shanghai" or "UTC"')
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(
            "this system knows no such time zone: check the spelling, and package tzdata"
        ) from None


class ScheduleConfig(StrictModel):
    """When a channel may collect, by what a clock on the wall of that zone shows."""

    zone: Annotated[ZoneInfo, BeforeValidator(_zone)] = Field(description="IANA time zone.")
    hours: tuple[Annotated[str, AfterValidator(_hours)], ...] = Field(
        min_length=1, max_length=32, strict=False, description='Ranges such as "mon-fri 08:00-18:00".'
    )

    def ranges(self) -> tuple[Hours, ...]:
        """The ranges; collecting is allowed inside any of them."""
        return tuple(hours_of(text) for text in self.hours)

    def __str__(self) -> str:
        return f"{', '.join(self.hours)} in {self.zone.key}"


class PlanConfig(StrictModel):
    """The collection plan of a channel. Without one nothing is collected (STD 6.1)."""

    scene: Scene = Field(description="What is collected here; it belongs to one category.")
    place: tuple[Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=40)], ...] = Field(
        min_length=1, max_length=16, strict=False, description="Tags of the place."
    )
    responsible: str = Field(
        pattern=r"^[a-z0-9][a-z0-9-]{0,62}$", description="Staff number or role; never a patient."
    )
    policy: str = Field(
        pattern=r"^[\x21-\x7e]([\x20-\x7e]{0,98}[\x21-\x7e])?$",
        description="Version of the policy behind this.",
    )
    schedule: ScheduleConfig | None = Field(default=None, description="Without it: always.")
    longest_s: float | None = Field(default=None, ge=60, le=604_800, description="Longest recording.")
    tracks: TracksConfig = TracksConfig()


def broken_plans(raw: Mapping[str, Any]) -> Iterator[Wrong]:
    """What contradicts itself in the plans of the TOML value `raw`."""
    channels = raw.get("channel")
    for number, channel in enumerate(channels if isinstance(channels, list) else []):
        plan = channel.get("plan") if isinstance(channel, dict) else None
        scene = plan.get("scene") if isinstance(plan, dict) else None
        wanted = CATEGORY_OF_SCENE.get(scene) if isinstance(scene, str) else None
        category = channel.get("category") if isinstance(channel, dict) else None
        if wanted is not None and category in CATEGORY_OF_SCENE.values() and category != wanted:
            yield (
                ("channel", number, "plan", "scene"),
                f"this scene belongs to category {wanted!r} (STD 5.2): correct the scene or the category",
            )


if set(get_args(Scene)) != set(CATEGORY_OF_SCENE):
    raise RuntimeError("every scene belongs to one category")
