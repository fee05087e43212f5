"""What a message means beyond the state of its box: what `Fleet.take` gives back. Pure words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmRaised:
    """`slug` is the code as the topic spells it: the only name that a clear has."""

    box: str | None
    entity: str
    slug: str
    code: str
    severity: str
    since: str
    text: str
    remedy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmCleared:
    """Its cause is gone."""

    box: str | None
    entity: str
    slug: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Born:
    """The box began a connection: what waits for it is to be sent now."""

    box: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """The box answered a command."""

    box: str
    at: str
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckCame:
    """A report of checks."""

    box: str
    at: str
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class EventCame:
    """An event, with its body as it came."""

    box: str
    entity: str
    type: str
    at: str
    seq: int
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A measurement of `entity`, at the box's own times."""

    box: str
    entity: str
    at: str
    boot: str
    mono_ms: int
    body: Mapping[str, Any]


Effect: TypeAlias = AlarmRaised | AlarmCleared | Born | Answered | CheckCame | EventCame | Measured
