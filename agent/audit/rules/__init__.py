"""The rules of abnormal access (STD 7.4 c), one file each.

Guarantees: `RULES` is all of them, in the order in which their alarms are raised; `Rules` is the same list as
a type, under which the account stores what they remember. A new rule is a line in each.
"""

from __future__ import annotations

from typing import TypeAlias

from agent.audit.rules.bulk import Bulk
from agent.audit.rules.clock_step import ClockStep
from agent.audit.rules.configuration import Configuration
from agent.audit.rules.denied import Denied
from agent.audit.rules.duty_hours import DutyHours
from agent.audit.rules.failed_opens import FailedOpens
from agent.audit.rules.log_gap import LogGap
from agent.audit.rules.medium import Medium
from agent.audit.rules.source import Source

RULES = (Source, DutyHours, Denied, Bulk, LogGap, Configuration, ClockStep, Medium, FailedOpens)
Rules: TypeAlias = tuple[
    Source, DutyHours, Denied, Bulk, LogGap, Configuration, ClockStep, Medium, FailedOpens
]


def new_rules() -> Rules:
    """Each rule, before the first leaf."""
    return (
        Source(),
        DutyHours(),
        Denied(),
        Bulk(),
        LogGap(),
        Configuration(),
        ClockStep(),
        Medium(),
        FailedOpens(),
    )
