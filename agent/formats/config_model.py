"""What every model of the configuration file shares: strictness, and the way a rate is written.

Guarantees: frozen, strict types, unknown keys and NaN refused. Leaves out the models themselves
(`config_v1.py`, `config_spec.py`).
"""

from __future__ import annotations

from fractions import Fraction
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict

from agent.formats.config_rules import RATE


class StrictModel(BaseModel):
    """The base of all tables."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


def _rate(text: str) -> str:
    if not RATE.fullmatch(text):
        raise ValueError('write a rate as "25" or "30000/1001"')
    if not 0 < Fraction(text) <= 240:
        raise ValueError("a rate is above 0 and at most 240 per second")
    return text


Rate = Annotated[str, AfterValidator(_rate)]
