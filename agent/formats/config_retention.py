"""The table `[channel.retention]` of `agent.toml`: how long recordings of a channel are kept.

Guarantees: strict types; what contradicts the standard's terms is refused by `config_retention_rules.py`.
Leaves out dates (`agent/vault/retention.py`).
"""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import Field

from agent.formats.config_model import StrictModel
from agent.formats.config_retention_rules import MAX_DAYS, MAX_YEARS


class RetentionConfig(StrictModel):
    """How long, counted from the end of a recording, or from the end of a study."""

    rule: Literal["important", "ward", "public-area", "research-copy", "clinical"] = Field(
        description="What kind of recording this is."
    )
    keep_days: int | None = Field(default=None, ge=1, le=MAX_DAYS, description="Days of 24 hours.")
    keep_years: int | None = Field(default=None, ge=1, le=MAX_YEARS, description="Calendar years, UTC.")
    study: str | None = Field(
        default=None, pattern=r"^[a-z0-9][a-z0-9-]{0,62}$", description="Name of the study."
    )
    study_end: date | None = Field(
        default=None, description="Last day of the study; left out while it goes on."
    )
