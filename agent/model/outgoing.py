"""What the box tells the controller, before it becomes bytes (docs/formats/mqtt-v1.md).

Guarantees: a message names its topic parts, priority and whether only the latest counts; it holds plain
JSON values only. Leaves out the envelope (`box`, `boot`, `seq`, times), which the outbox adds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import TypeAlias

Json: TypeAlias = bool | int | float | str | list["Json"] | dict[str, "Json"] | None


class Priority(IntEnum):
    """Which message goes first and which is dropped last. Lower is more important."""

    CRITICAL = 0
    ALARM = 1
    EVENT = 2
    STATE = 3
    MEASUREMENT = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """One message: topic `edgeward/v1/{box}/{entity}/{kind}/{type}`.

    `coalesce` keeps only the newest unsent message of the same topic. `body` None with `retain` clears a
    retained topic.
    """

    entity: str
    kind: str
    type: str
    body: Mapping[str, Json] | None
    priority: Priority
    retain: bool = False
    coalesce: bool = False
