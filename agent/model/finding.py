"""What a health check finds: status, measured against required, whose work it is.

Guarantees: a finding holds no words of a language except numbers with units, so ids and JSON never change
with the reader's language; the sentences are in `health/words/`. A skipped or crashed check is never a
pass.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Status(StrEnum):
    """The result of one check."""

    PASS = "pass"  # noqa: S105 (a verdict, not a password)
    WARN = "warn"
    FAIL = "fail"
    SKIP = "skip"
    CRASH = "crash"


class Owner(StrEnum):
    """Whose work the remedy is."""

    TECHNICIAN = "technician"
    HOSPITAL_IT = "hospital-it"
    BIOMEDICAL = "biomedical"
    MAKER = "maker"


class Profile(StrEnum):
    """An occasion on which a set of checks is run."""

    INSTALL = "install"
    VISIT = "visit"
    BOOT = "boot"
    DAILY = "daily"
    CONTINUOUS = "continuous"  # by the agent itself, every minute; becomes alarms


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What `judge` says. `message` is a key of the check's words, `values` fill its sentence."""

    status: Status
    message: str
    measured: str | None = None
    required: str | None = None
    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One check on one target (a channel, or None for the box)."""

    check: str
    target: str | None
    owner: Owner
    judged: Judged
    seconds: float
