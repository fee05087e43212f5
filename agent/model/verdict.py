"""Verdicts: what was required, what was measured, and what follows from it (STD 6.2).

Guarantees: a verdict names every rule that was judged with both values and units as text, so that it
can be read years later without this program. The worst finding decides the whole.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Grade(StrEnum):
    """From good to bad."""

    CONFORMING = "conforming"
    DEGRADED = "degraded"
    NONCONFORMING = "nonconforming"


_ORDER = (Grade.CONFORMING, Grade.DEGRADED, Grade.NONCONFORMING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One rule's result. `measured` and `required` carry their units, for example `24.98 Hz`."""

    rule: str
    grade: Grade
    measured: str
    required: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The worst grade and all findings, in the rules' order."""

    grade: Grade
    findings: tuple[Finding, ...]


def worst(grades: Iterable[Grade]) -> Grade:
    """The worst of `grades`; `conforming` when there is none."""
    return max(grades, key=_ORDER.index, default=Grade.CONFORMING)
