"""The table `[audit]` of `agent.toml`: what counts as abnormal access on this box (STD 7.4 c). Pure.

Guarantees: every bound has a default with a reason in docs/configuration.md; the rules that need to know the
house (duty hours, users of the local door) find nothing until they are told. Leaves out the rules
(`agent/audit/rules/`).
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from agent.formats.command_v1 import OPERATOR_PATTERN
from agent.formats.config_model import StrictModel
from agent.formats.config_plan import ScheduleConfig


class AuditConfig(StrictModel):
    """Bounds of the rules of abnormal access, and the time in which an alarm must be closed."""

    operators: tuple[Annotated[str, Field(pattern=OPERATOR_PATTERN)], ...] | None = Field(
        default=None, max_length=64, strict=False, description="Operators that act here; default: all."
    )
    door_uids: tuple[Annotated[int, Field(ge=0, le=(1 << 32) - 1)], ...] | None = Field(
        default=None,
        max_length=64,
        strict=False,
        description="Users that act at the local door; default: whom the socket's mode lets in.",
    )
    duty: ScheduleConfig | None = Field(
        default=None, description="Hours in which opening and destroying are usual; default: all."
    )
    window_minutes: int = Field(default=60, ge=1, le=1440, description="Over which is counted.")
    bulk_recordings: int = Field(
        default=20, ge=1, le=1000, description="More opened or asked to be destroyed within that is bulk."
    )
    failed_opens: int = Field(default=5, ge=1, le=100, description="So many within that are repeated ones.")
    silence_minutes: int = Field(
        default=10, ge=1, le=1440, description="Without a leaf while recording; at least three segments."
    )
    clock_step_ms: int = Field(default=2000, ge=500, le=3_600_000, description="A larger step is an alarm.")
    answer_hours: int = Field(
        default=24, ge=1, le=720, description="In which an alarm is to be closed, for the weekly report."
    )
