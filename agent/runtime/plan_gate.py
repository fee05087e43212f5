"""May a channel collect now: plan, place, level, device profile, schedule, in this order (STD 6.1). Pure.

Guarantees: no plan, a forbidden place, level 1, a lowered level, what the device's profile forbids, and times
outside the schedule are each a `Refused` with its own code, and nothing else is. A clock that isn't
synchronised never ends a recording that runs (STD 4 c): it is doubted instead. Leaves out what follows from
the answer (`plan_watch.py`), and who may raise a level. The caller finds the device's profile; None stands
for no device (a file), or for one that has not told about itself yet: ask again when it has.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from agent.device.profile_match import ProfileMatch
from agent.formats.config_plan import ScheduleConfig
from agent.formats.config_v1 import ChannelConfig
from agent.model.errors import Refuse
from agent.model.media import GapCause
from agent.model.times import NS_PER_S, ClockQuality, Instant

# State Council Order 799, article 8; nobody's profile, scene or purpose makes an exception.
FORBIDDEN_PLACES = ("bathroom", "changing-room", "nursing-room")
DEVICE_FORBIDS = "plan.device-forbids"


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowed:
    """At this level. `clock_doubted` when a schedule was decided by a clock that isn't synchronised."""

    level: int
    clock_doubted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Nothing is collected. The text says the same as long as the reason is the same."""

    code: str
    text: str
    advice: str
    cause: GapCause = GapCause.REFUSED


NO_PLAN = Refused(
    code="plan.missing",
    text="this channel has no collection plan, so nothing may be collected on it",
    advice="write [channel.plan] for it (docs/configuration.md) and start the agent again",
)


def judge(
    channel: ChannelConfig,
    match: ProfileMatch | None,
    now: Instant,
    *,
    running: bool,
    raised_level: int | None = None,
) -> Allowed | Refused:
    """The answer for `now`. `running`: a recording is open; `raised_level` is what an operator set."""
    plan = channel.plan
    if plan is None:
        return NO_PLAN
    found = _place(plan.place) or _level(channel.level, raised_level)
    if found is not None:
        return found
    level = channel.level if raised_level is None else raised_level
    if match is not None:
        try:
            match.check_plan(channel.category, level)
        except Refuse as error:
            return Refused(code=error.code, text=error.text, advice=error.advice)
    if plan.schedule is None:
        return Allowed(level=level)
    doubted = now.quality is not ClockQuality.SYNCED
    if is_open(plan.schedule, now.wall_ns) or (running and doubted):
        return Allowed(level=level, clock_doubted=doubted)
    return Refused(
        code="plan.outside-schedule",
        text=f"the plan allows collecting only {plan.schedule}",
        advice="nothing to do if that is meant: recording begins by itself; else correct the plan's schedule",
        cause=GapCause.NOT_SCHEDULED,
    )


def is_open(schedule: ScheduleConfig, wall_ns: int) -> bool:
    """True when a clock on the wall of the schedule's zone shows a time inside one of its ranges.

    So an hour that is repeated in autumn counts both times, and one that is skipped in spring never. A range
    over midnight belongs to the weekday on which it begins.
    """
    local = datetime.fromtimestamp(wall_ns // NS_PER_S, schedule.zone)
    today, yesterday = local.weekday(), (local.weekday() - 1) % 7
    minute = local.hour * 60 + local.minute
    for hours in schedule.ranges():
        if hours.begin < hours.end:
            if today in hours.days and hours.begin <= minute < hours.end:
                return True
        elif (today in hours.days and minute >= hours.begin) or (
            yesterday in hours.days and minute < hours.end
        ):
            return True
    return False


def _place(tags: tuple[str, ...]) -> Refused | None:
    """A tag is forbidden too when it has a forbidden word among its own: `ward-3-bathroom`."""
    for tag in tags:
        for word in FORBIDDEN_PLACES:
            if f"-{word}-" in f"-{tag}-":
                return Refused(
                    code="plan.place-forbidden",
                    text=f"nothing may be collected in a {word}, and the plan's place is {tag}",
                    advice="take the camera away from there; no setting allows this",
                )
    return None


def _level(level: int, raised: int | None) -> Refused | None:
    if level < 2:
        return Refused(
            code="plan.level-one",
            text="level 1 can't come from a capture plan, only from an approved publication (STD 5.3 a)",
            advice="give the channel level 2, 3, 4 or 5",
        )
    if raised is not None and not level <= raised <= 5:
        return Refused(
            code="plan.level-lowered",
            text=f"an operator may raise a level, never lower it: {raised} was asked, the plan has {level}",
            advice="a lower level needs a new plan",
        )
    return None
